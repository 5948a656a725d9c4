import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ConversationEvent, ConversationStore, SubscribeOptions } from '../conversation-store.js'
import { type Stage, textsOf, upTo, user } from './stage.js'

/** The first events of a subscription. */
async function take(
  store: ConversationStore,
  id: string,
  count: number,
  options: SubscribeOptions = {},
): Promise<ConversationEvent[]> {
  const events: ConversationEvent[] = []
  for await (const event of store.subscribe(id, options)) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

function summary(events: readonly ConversationEvent[]): string[] {
  return events.map((event) =>
    event.kind === 'deleted' ? 'deleted' : `${event.kind} ${event.message.seq} ${textsOf([event.message]).join()}`,
  )
}

export function subscriptionTests(stage: Stage): void {
  it('brings what was, then what comes', async () => {
    const { store } = stage
    const id = await stage.conversation('one', 'two')
    const events = take(store, id, 4)
    await store.append(id, [user('three')])
    await store.append(id, [user('four')])
    assert.deepEqual(summary(await events), ['message 1 one', 'message 2 two', 'message 3 three', 'message 4 four'])
  })

  it('brings edits and redactions, without the former text', async () => {
    const { store } = stage
    const id = await stage.conversation('one', 'two')
    const seen: ConversationEvent[] = []
    const following = (async () => {
      for await (const event of store.subscribe(id)) {
        seen.push(event)
        if (seen.length === 2) await store.edit(id, 1, [{ type: 'text', text: 'edited' }])
        if (seen.length === 3) await store.redact(id, 2)
        if (seen.length === 4) return
      }
    })()
    await following
    assert.deepEqual(summary(seen), ['message 1 one', 'message 2 two', 'edited 1 edited', 'redacted 2 '])
    const later = summary(await take(store, id, 4))
    assert(later.includes('message 1 edited') && later.includes('message 2 ') && later.includes('redacted 2 '))
  })

  it('goes on after every cursor and loses nothing', async () => {
    const { store } = stage
    const other = await stage.open()
    const id = await stage.conversation(...upTo(5).map((n) => `m${n}`))
    const events: ConversationEvent[] = []
    let cursor: string | undefined
    while (events.length < 5) {
      const [event] = await take(other, id, 1, cursor === undefined ? {} : { cursor })
      assert(event)
      events.push(event)
      cursor = event.cursor
    }
    const [edited] = await Promise.all([
      take(other, id, 1, { cursor: cursor ?? '' }),
      store.edit(id, 2, [{ type: 'text', text: 'new' }]),
    ])
    assert.deepEqual(summary([...events, ...edited]), [...upTo(5).map((n) => `message ${n + 1} m${n}`), 'edited 2 new'])
  })

  it('ends after the deletion, for those who were there and those who come back', async () => {
    const { store } = stage
    const id = await stage.conversation('one')
    const [first] = await take(store, id, 1)
    const all = take(store, id, Infinity)
    const rest = take(store, id, Infinity, { cursor: first?.cursor ?? '' })
    await new Promise((resolve) => setImmediate(resolve))
    await store.delete(id)
    assert.equal(summary(await all).at(-1), 'deleted')
    assert.deepEqual(summary(await rest), ['deleted'])
    assert.deepEqual(summary(await take(store, id, Infinity, { cursor: first?.cursor ?? '' })), ['deleted'])
    await assert.rejects(take(store, id, 1), { code: 'NOT_FOUND' })
  })

  it('tells a branch what happens to the past that it shares', async () => {
    const { store } = stage
    const id = await stage.conversation('one', 'two', 'three')
    const fork = await store.fork(id, { atSeq: 2 })
    await store.edit(id, 3, [{ type: 'text', text: 'not shared' }])
    await store.edit(id, 2, [{ type: 'text', text: 'shared' }])
    const events = await take(store, fork.id, 3)
    assert.deepEqual(summary(events).toSorted(), ['edited 2 shared', 'message 1 one', 'message 2 shared'])
    const last = take(store, fork.id, 1, { cursor: events[2]?.cursor ?? '' })
    await store.redact(id, 1)
    assert.deepEqual(summary(await last), ['redacted 1 '])
  })

  it('ends quietly when the caller has enough', async () => {
    const { store } = stage
    const id = await stage.conversation('one')
    const controller = new AbortController()
    const events: ConversationEvent[] = []
    for await (const event of store.subscribe(id, { signal: controller.signal })) {
      events.push(event)
      controller.abort()
    }
    assert.equal(events.length, 1)
    assert.deepEqual(await take(store, id, 1, { signal: AbortSignal.abort() }), [])
  })

  it('refuses cursors from elsewhere', async () => {
    const { store } = stage
    const [a, b] = [await stage.conversation('one'), await stage.conversation('one')]
    const [event] = await take(store, a, 1)
    for (const cursor of ['', 'garbage', event?.cursor ?? '', Buffer.from('[1,2]').toString('base64url')]) {
      await assert.rejects(take(store, b, 1, { cursor }), { code: 'INVALID_ARGUMENT' })
    }
  })
}
