import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ReplyEvent } from '../turn.js'
import { type Stage, follow, takeTurn, textsOf, until, upTo, user } from './stage.js'

const strange = 'NUL \u0000, pair 😀, lone \ud800 and \udc00.'

export function replyTests(stage: Stage): void {
  it('gives every follower the same text, in the same process or another, early or late', async () => {
    const { store } = stage
    const other = await stage.open()
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    const followers = [follow(store, turn.replyId), follow(other, turn.replyId)]
    const words = upTo(300).map((n) => `${n} ${strange} `)
    for (const [index, word] of words.entries()) {
      turn.write(word)
      if (index % 50 === 0) await turn.flushed()
      if (index === 150) followers.push(follow(store, turn.replyId), follow(other, turn.replyId))
    }
    const message = await turn.finish({ status: 'complete' })
    followers.push(follow(store, turn.replyId), follow(other, turn.replyId))
    for (const one of await Promise.all(followers)) {
      assert.equal(one.text, words.join(''))
      assert.deepEqual(one.events.at(-1), { kind: 'end', status: 'complete', message, cursor: words.join('').length })
    }
  })

  it('goes on after any cursor, with the same text as if it had never been cut', async () => {
    const { store } = stage
    const other = await stage.open()
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    const cursors: number[] = [0]
    for (const n of upTo(20)) {
      turn.write(`${n} ${strange} `)
      await turn.flushed()
    }
    const text = upTo(20)
      .map((n) => `${n} ${strange} `)
      .join('')
    for await (const event of store.followReply(turn.replyId)) {
      cursors.push(event.cursor)
      if (event.cursor === text.length) break
    }
    const check = async (): Promise<void> => {
      for (const cursor of cursors) {
        for (const reader of [store, other]) {
          const rest = await follow(reader, turn.replyId, cursor)
          assert.equal(rest.text, text.slice(cursor))
          assert.equal(rest.status, 'complete')
        }
      }
    }
    await turn.finish({ status: 'complete' })
    await check()
    const sweeper = await stage.open({ replyRetentionMs: 0 })
    await until(async () => (await sweeper.sweep()) > 0)
    assert.deepEqual(await stage.documents.log('replies').read(turn.replyId), [])
    await check()
    assert.equal((await store.replyState(turn.replyId)).status, 'complete')
  })

  it('hands out text only when another process can read it too', async () => {
    const { store, documents } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    const seen: ReplyEvent[] = []
    const following = (async () => {
      for await (const event of store.followReply(turn.replyId)) {
        seen.push(event)
        if (event.kind === 'end') return
        const stored = await documents.log<{ text?: string }>('replies').read(turn.replyId)
        const durable = stored.reduce((length, { data }) => length + (data.text?.length ?? 0), 0)
        assert(event.cursor <= durable)
      }
    })()
    for (const n of upTo(50)) {
      turn.write(`${n} `)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await turn.finish({ status: 'complete' })
    await following
    assert.equal(seen.at(-1)?.kind, 'end')
  })

  it('gathers what is written during a flush into the next one', async () => {
    const { store, documents } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    for (const n of upTo(1000)) turn.write(`${n},`)
    await turn.flushed()
    assert((await documents.log('replies').read(turn.replyId)).length <= 3)
    turn.write('x'.repeat(50_000))
    await turn.finish({ status: 'complete' })
    const entries = await documents.log<{ text?: string }>('replies').read(turn.replyId)
    assert(entries.every(({ data }) => (data.text?.length ?? 0) <= 16_384))
    assert.equal((await follow(store, turn.replyId)).text.length, 50_000 + upTo(1000).join(',').length + 1)
  })

  it('never splits a character between two events', async () => {
    const { store } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    for (const half of ['a\ud83d', '\ude00b', 'x'.repeat(16_383), '\ud83d\ude00', 'c\ud83d']) {
      turn.write(half)
      await turn.flushed()
    }
    await turn.finish({ status: 'complete' })
    const { events, text } = await follow(await stage.open(), turn.replyId)
    assert.equal(text, `a😀b${'x'.repeat(16_383)}😀c\ud83d`)
    for (const event of events.slice(0, -2))
      if (event.kind === 'text') assert.equal(Buffer.from(event.text).toString(), event.text)
    await assert.rejects(follow(store, turn.replyId, 2), { code: 'INVALID_ARGUMENT' })
  })

  it('refuses cursors beyond the reply, while it is made and afterwards', async () => {
    const { store } = stage
    const other = await stage.open()
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    turn.write('abc')
    await turn.flushed()
    const beyond = { code: 'OUT_OF_RANGE' }
    for (const reader of [store, other]) await assert.rejects(follow(reader, turn.replyId, 4), beyond)
    await turn.finish({ status: 'complete' })
    for (const reader of [store, other]) {
      await assert.rejects(follow(reader, turn.replyId, 4), beyond)
      await assert.rejects(follow(reader, turn.replyId, -1), { code: 'INVALID_ARGUMENT' })
      assert.deepEqual(
        (await follow(reader, turn.replyId, 3)).events.map(({ kind }) => kind),
        ['end'],
      )
    }
  })

  it('can be left at any time without stopping the reply', async () => {
    const { store } = stage
    const other = await stage.open()
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    for (const reader of [store, other]) {
      const controller = new AbortController()
      const leaving = (async () => {
        for await (const _ of reader.followReply(turn.replyId, { signal: controller.signal })) controller.abort()
      })()
      turn.write('word ')
      await leaving
    }
    assert.equal((await turn.finish({ status: 'complete' })).reply?.status, 'complete')
  })

  it('answers from the message when a reply was redacted, without its text', async () => {
    const { store, documents } = stage
    const id = await stage.conversation()
    const turn = await takeTurn(store, id, { messages: [user('q')] })
    turn.write('a secret')
    await turn.finish({ status: 'failed', error: { code: 'UNAVAILABLE', message: 'a secret too' } })
    await store.redact(id, 2)
    assert.deepEqual(await documents.log('replies').read(turn.replyId), [])
    assert(!JSON.stringify(await documents.log('messages').read(id)).includes('secret'))
    const { text, status, events } = await follow(store, turn.replyId, 2)
    assert.deepEqual([text, status], ['', 'failed'])
    assert.equal(events.length, 1)
  })

  it('sweeps only what ended long enough ago', async () => {
    const { store, documents } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    turn.write('kept')
    await turn.flushed()
    const sweeper = await stage.open({ replyRetentionMs: 0 })
    await sweeper.sweep()
    assert.equal((await documents.log('replies').read(turn.replyId)).length, 1)
    const message = await turn.finish({ status: 'complete' })
    await store.sweep()
    assert((await documents.log('replies').read(turn.replyId)).length >= 2)
    assert.deepEqual(textsOf([message]), ['kept'])
  })

  it('finds the reply of a key again after its stream was swept', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const begin = { messages: [{ ...user('why?'), key: 'q1' }] }
    const turn = await takeTurn(store, id, begin)
    turn.write('because')
    await turn.finish({ status: 'complete' })
    const sweeper = await stage.open({ replyRetentionMs: 0 })
    await until(async () => {
      await sweeper.sweep()
      return (await stage.documents.collection('replies').get(turn.replyId)) === undefined
    })
    const again = await store.beginTurn(id, begin)
    assert.deepEqual([again.started, again.replyId], [false, turn.replyId])
  })
}
