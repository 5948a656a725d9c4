import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ConversationStore } from '../conversation-store.js'
import type { Turn } from '../turn.js'
import { type Stage, follow, takeTurn, textsOf, until, upTo, user } from './stage.js'

/** A lease that nobody renews: its holder stands for a process that died or stopped. */
const abandoned = { leaseMs: 100, autoRenew: false } as const

export function takeoverTests(stage: Stage): void {
  const taken = (store: ConversationStore, replyId: string): Promise<void> =>
    until(async () => {
      await store.recover()
      return (await store.replyState(replyId)).status !== 'running'
    })

  for (const [state, words] of [
    ['before a word was written', []],
    ['after some words were stored', ['one ', 'two ']],
  ] as const) {
    it(`ends a turn that was abandoned ${state}, with what was durable`, async () => {
      const { store } = stage
      const id = await stage.conversation()
      const holder = await stage.open()
      const turn = await takeTurn(holder, id, { messages: [user('q')], model: 'm', ...abandoned })
      for (const word of words) turn.write(word)
      await turn.flushed()
      await taken(store, turn.replyId)
      const [, message] = await store.messages(id)
      assert.deepEqual(message?.reply, { id: turn.replyId, replyTo: 1, status: 'interrupted', model: 'm' })
      assert.deepEqual(message.parts, words.length === 0 ? [] : [{ type: 'text', text: words.join('') }])
      const { text, status } = await follow(store, turn.replyId)
      assert.deepEqual([text, status], [words.join(''), 'interrupted'])
      assert.equal((await store.get(id)).activeReplyId, undefined)
      assert.equal((await takeTurn(store, id, { messages: [user('q2')] })).token, 2)
    })
  }

  it('goes on from every state in which a process can die', async () => {
    const { store, documents } = stage
    const turns = documents.collection<Record<string, unknown>>('turns')
    const messages = documents.log<unknown>('messages')
    const replies = documents.log<unknown>('replies')
    const holder = await stage.open({ cancelPollMs: 60_000 })
    const start = async () => {
      const id = await stage.conversation()
      const turn = await takeTurn(holder, id, { messages: [user('q')], ...abandoned })
      turn.write('half')
      await turn.flushed()
      const reply = { id: turn.replyId, replyTo: 1, status: 'complete' }
      const data = { role: 'assistant', parts: [{ type: 'text', text: 'half' }], reply }
      return {
        id,
        turn,
        end: { kind: 'end', reply, before: [], after: [] },
        message: { key: `reply:${turn.replyId}`, data },
      }
    }

    const acquired = await stage.conversation('before')
    const held = { status: 'active', token: 1, replyId: `${acquired}.2.1`, processId: 'dead', nonce: 'n', key: 'q1' }
    await turns.put(acquired, { ...held, leaseMs: 100, renewals: 0 })
    await until(async () => {
      await store.recover()
      return (await store.get(acquired)).activeReplyId === undefined
    })
    assert.deepEqual(textsOf(await store.messages(acquired)), ['before'])
    const next = await takeTurn(store, acquired, { messages: [{ ...user('q'), key: 'q1' }] })
    assert.deepEqual([next.token, next.replyTo], [2, 2])

    const ended = await start()
    await replies.append(ended.turn.replyId, [{ data: ended.end }])
    const told = await start()
    await replies.append(told.turn.replyId, [{ data: told.end }])
    await messages.append(told.id, [told.message])
    for (const { id, turn } of [ended, told]) {
      await taken(store, turn.replyId)
      await until(async () => {
        await store.recover()
        return (await store.get(id)).activeReplyId === undefined
      })
      const all = await store.messages(id)
      assert.deepEqual(textsOf(all), ['q', 'half'])
      assert.deepEqual(all[1]?.reply, { id: turn.replyId, replyTo: 1, status: 'complete' })
      const { text, status } = await follow(store, turn.replyId)
      assert.deepEqual([text, status], ['half', 'complete'])
      assert.equal((await store.beginTurn(id, { messages: [user('q2')] })).started, true)
    }
  })

  it('shows the end of a reply whose process died before it could append the message', async () => {
    const { store, documents } = stage
    const id = await stage.conversation()
    const turn = await takeTurn(await stage.open({ cancelPollMs: 60_000 }), id, { messages: [user('q')] })
    turn.write('text')
    await turn.flushed()
    const reply = { id: turn.replyId, replyTo: 1, status: 'complete' }
    await documents
      .log<unknown>('replies')
      .append(turn.replyId, [{ data: { kind: 'end', reply, before: [], after: [] } }])
    const { text, status } = await follow(store, turn.replyId)
    assert.deepEqual([text, status], ['text', 'complete'])
    assert.deepEqual(textsOf(await store.messages(id)), ['q', 'text'])
    assert.equal((await store.replyState(turn.replyId)).status, 'complete')
  })

  it('ends an abandoned turn as cancelled when that had been asked for', async () => {
    const { store } = stage
    const holder = await stage.open({ cancelPollMs: 60_000 })
    const id = await stage.conversation()
    const turn = await takeTurn(holder, id, { messages: [user('q')], leaseMs: 400, autoRenew: false })
    assert.equal((await store.cancelReply(turn.replyId, { waitMs: 0 })).status, 'running')
    await taken(store, turn.replyId)
    assert.equal((await store.replyState(turn.replyId)).status, 'cancelled')
  })

  it('keeps a holder out that comes back too late', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const holder = await stage.open({ cancelPollMs: 60_000 })
    const turn = await takeTurn(holder, id, { messages: [user('q')], ...abandoned })
    turn.write('in time ')
    await turn.flushed()
    await taken(store, turn.replyId)
    const next = await takeTurn(store, id, { messages: [user('q2')] })
    turn.write('too late')
    const lost = { code: 'ABORTED', reason: 'TURN_LOST' }
    await assert.rejects(turn.flushed(), lost)
    await assert.rejects(turn.finish({ status: 'complete' }), lost)
    await assert.rejects(turn.renew(), lost)
    assert.equal((turn.signal.reason as { reason: string }).reason, 'TURN_LOST')
    next.write('fine')
    await next.finish({ status: 'complete' })
    assert.deepEqual(textsOf(await store.messages(id)), ['q', 'in time ', 'q2', 'fine'])
    assert.equal((await follow(store, turn.replyId)).text, 'in time ')
  })

  it('refuses the end of a holder that comes back too late, even if it has nothing to write', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const holder = await stage.open({ cancelPollMs: 60_000 })
    const turn = await takeTurn(holder, id, { messages: [user('q')], ...abandoned })
    await taken(store, turn.replyId)
    await assert.rejects(turn.finish({ status: 'complete' }), { code: 'ABORTED', reason: 'TURN_LOST' })
    assert.equal((await store.messages(id)).length, 2)
  })

  it('ends an abandoned turn once, whoever sees it first', async () => {
    const stores = [stage.store, await stage.open(), await stage.open()]
    const holder = await stage.open()
    const id = await stage.conversation()
    const turn = await takeTurn(holder, id, { messages: [user('q')], ...abandoned })
    turn.write('text')
    await turn.flushed()
    await until(async () => {
      await Promise.all(upTo(9).map((n) => (stores[n % 3] ?? stage.store).recover()))
      return (await stage.store.replyState(turn.replyId)).status !== 'running'
    })
    assert.deepEqual(textsOf(await stage.store.messages(id)), ['q', 'text'])
    const entries = await stage.documents.log<{ kind: string }>('replies').read(turn.replyId)
    assert.equal(entries.filter(({ data }) => data.kind === 'end').length, 1)
  })

  it('is taken over by the next turn, which is answered after it', async () => {
    const { store } = stage
    const holder = await stage.open()
    const id = await stage.conversation()
    const turn = await takeTurn(holder, id, { messages: [user('q1')], ...abandoned })
    turn.write('half')
    await turn.flushed()
    let next: Turn | undefined
    await until(async () => {
      const begun = await store.beginTurn(id, { messages: [user('q2')] }).catch(() => undefined)
      if (begun?.started === true) next = begun.turn
      return next !== undefined
    })
    assert.deepEqual(textsOf(await store.messages(id)), ['q1', 'half', 'q2'])
  })

  it('does not keep followers waiting: they see the end of an abandoned reply', async () => {
    const { store } = stage
    const holder = await stage.open()
    const turn = await takeTurn(holder, await stage.conversation(), { messages: [user('q')], ...abandoned })
    turn.write('half')
    await turn.flushed()
    const [here, there] = await Promise.all([follow(store, turn.replyId), follow(holder, turn.replyId)])
    assert.deepEqual([here.text, here.status], ['half', 'interrupted'])
    assert.deepEqual([there.text, there.status], ['half', 'interrupted'])
  })

  it('leaves turns alone that have ended or are still held', async () => {
    const { store } = stage
    const other = await stage.open()
    const ended = await takeTurn(store, await stage.conversation(), { messages: [user('q')], ...abandoned })
    await ended.finish({ status: 'complete' })
    const held = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    await other.recover()
    assert.equal((await store.replyState(ended.replyId)).status, 'complete')
    assert.equal((await store.replyState(held.replyId)).status, 'running')
  })

  it('knows at once that the turns of former processes are dead, on a store with one owner', async (t) => {
    if (stage.documents.kind === 'postgres') return t.skip('a shared server has no single owner')
    const former = await stage.open({ processId: 'former' })
    const turn = await takeTurn(former, await stage.conversation(), { messages: [user('q')] })
    assert.equal((await stage.store.recover()) >= 1, true)
    assert.equal((await stage.store.replyState(turn.replyId)).status, 'interrupted')
  })

  it('recovers and sweeps by itself', async () => {
    const holder = await stage.open()
    const turn = await takeTurn(holder, await stage.conversation(), { messages: [user('q')], ...abandoned })
    const keeper = await stage.open({ maintenanceIntervalMs: 20, replyRetentionMs: 0 })
    await until(async () => (await stage.documents.collection('replies').get(turn.replyId)) === undefined)
    assert.equal((await keeper.replyState(turn.replyId)).status, 'interrupted')
    await keeper.close()
  })
}
