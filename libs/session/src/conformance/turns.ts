import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, follow, takeTurn, textsOf, until, unique, upTo, user } from './stage.js'

export function turnTests(stage: Stage): void {
  it('appends the question, streams the answer and ends with its message', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const begun = await store.beginTurn(id, { messages: [{ ...user('why?'), key: 'q1' }], model: 'oracle' })
    assert(begun.started)
    const { turn } = begun
    assert.deepEqual([begun.messages.map((message) => message.id), turn.replyTo, turn.token], [['q1'], 1, 1])
    assert.equal((await store.get(id)).activeReplyId, turn.replyId)
    assert.deepEqual(await store.replyState(turn.replyId), { status: 'running' })
    for (const word of ['Be', 'cau', 'se.']) turn.write(word)
    const usage = { inputTokens: 3, outputTokens: 2 }
    const message = await turn.finish({ status: 'complete', usage, finishReason: 'stop' })
    assert.deepEqual([message.seq, message.role, textsOf([message])], [2, 'assistant', ['Because.']])
    const reply = { id: turn.replyId, replyTo: 1, status: 'complete', model: 'oracle', usage, finishReason: 'stop' }
    assert.deepEqual(message.reply, reply)
    assert.deepEqual(await store.message(id, 2), message)
    assert.deepEqual(await turn.finish({ status: 'complete' }), message)
    assert.equal((await store.get(id)).activeReplyId, undefined)
    assert.deepEqual(await store.replyState(turn.replyId), { status: 'complete', message })
    assert.equal((await follow(store, turn.replyId)).text, 'Because.')
    assert.throws(() => turn.write('more'), { code: 'FAILED_PRECONDITION' })
    assert.equal(turn.signal.aborted, false)
  })

  it('holds reasoning and tool calls besides the text', async () => {
    const { store } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('?')] })
    turn.write('text')
    const call = { type: 'tool-call', id: 'c', name: 'find', argumentsJson: '{}' } as const
    await assert.rejects(turn.finish({ status: 'complete', parts: [{ type: 'text', text: 'x' }] }), {
      code: 'INVALID_ARGUMENT',
    })
    const message = await turn.finish({ status: 'complete', reasoning: 'hm', parts: [call] })
    assert.deepEqual(message.parts, [{ type: 'reasoning', text: 'hm' }, { type: 'text', text: 'text' }, call])
  })

  it('gives the turn to one of many who ask at once', async () => {
    const id = await stage.conversation()
    const stores = [stage.store, await stage.open()]
    const tries = await Promise.allSettled(
      upTo(6).map(async (n) => (stores[n % 2] ?? stage.store).beginTurn(id, { messages: [user(`q${n}`)] })),
    )
    const won = tries.filter(({ status }) => status === 'fulfilled')
    assert.equal(won.length, 1)
    for (const one of tries) {
      if (one.status === 'fulfilled') continue
      assert.deepEqual([one.reason.code, one.reason.reason], ['FAILED_PRECONDITION', 'TURN_IN_PROGRESS'])
    }
    assert.equal((await stage.store.messages(id)).length, 1)
  })

  it('begins once for a key, and leads a repeated call to the same reply', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const begin = { messages: [{ ...user('why?'), key: 'q1' }] }
    const tries = await Promise.all(upTo(4).map(() => store.beginTurn(id, begin)))
    const started = tries.flatMap((one) => (one.started ? [one.turn] : []))
    assert.equal(started.length, 1)
    assert.equal(new Set(tries.map(({ replyId }) => replyId)).size, 1)
    await started[0]?.finish({ status: 'complete' })
    const later = await takeTurn(store, id, { messages: [user('next')] })
    const repeated = await store.beginTurn(id, begin)
    assert.deepEqual([repeated.started, repeated.replyId], [false, tries[0]?.replyId])
    assert.deepEqual(repeated.messages, tries[0]?.messages)
    await assert.rejects(store.beginTurn(id, { messages: [{ ...user('other'), key: 'q1' }] }), {
      code: 'ALREADY_EXISTS',
    })
    await later.finish({ status: 'complete' })
    assert.equal((await store.messages(id)).length, 4)
  })

  it('answers a message that was appended before under the same key', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const message = { ...user('why?'), key: 'q1' }
    await store.append(id, [message])
    const turn = await takeTurn(store, id, { messages: [message] })
    assert.equal(turn.replyTo, 1)
    assert.equal((await turn.finish({ status: 'complete' })).seq, 2)
  })

  it('answers a stored message once more', async () => {
    const { store } = stage
    const id = await stage.conversation('why?')
    const first = await takeTurn(store, id, { replyTo: 1, key: 'r1' })
    first.write('one')
    await first.finish({ status: 'complete' })
    const again = await store.beginTurn(id, { replyTo: 1, key: 'r1' })
    assert.deepEqual([again.started, again.replyId], [false, first.replyId])
    const second = await takeTurn(store, id, { replyTo: 1, key: 'r2' })
    assert.notEqual(second.replyId, first.replyId)
    second.write('two')
    await second.finish({ status: 'complete' })
    assert.deepEqual(textsOf(await store.messages(id)), ['why?', 'one', 'two'])
    await assert.rejects(store.beginTurn(id, { replyTo: 2 }), { reason: 'NOT_A_USER_MESSAGE' })
    await assert.rejects(store.beginTurn(id, { replyTo: 9 }), { code: 'NOT_FOUND' })
  })

  it('grows the token with every turn', async () => {
    const { store } = stage
    const id = await stage.conversation()
    for (const n of upTo(3)) {
      const turn = await takeTurn(store, id, { messages: [user(`q${n}`)] })
      assert.equal(turn.token, n + 1)
      await turn.finish({ status: 'complete' })
    }
  })

  it('lets messages be appended while a reply is made', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const turn = await takeTurn(store, id, { messages: [user('q')] })
    const others = Promise.all(upTo(16).map((n) => store.append(id, [user(`n${n}`)])))
    turn.write('answer')
    const [message] = await Promise.all([turn.finish({ status: 'complete' }), others])
    const all = await store.messages(id)
    assert.deepEqual(
      all.map(({ seq }) => seq),
      upTo(18).map((n) => n + 1),
    )
    assert.deepEqual(
      all.find(({ seq }) => seq === message.seq),
      message,
    )
  })

  it('keeps its turn by renewing for as long as it takes', async () => {
    const { store } = stage
    const other = await stage.open({ cancelPollMs: 20 })
    const id = await stage.conversation()
    const turn = await takeTurn(store, id, { messages: [user('q')], leaseMs: 300 })
    const start = performance.now()
    await until(async () => {
      await assert.rejects(other.beginTurn(id, { messages: [user('mine')] }), { reason: 'TURN_IN_PROGRESS' })
      return performance.now() - start > 700
    })
    assert.equal((await turn.finish({ status: 'complete' })).seq, 2)
  })

  it('cancels here at once, and in another process within its look at the flags', async () => {
    const { store } = stage
    const other = await stage.open({ cancelPollMs: 50 })
    for (const asking of [store, other]) {
      const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
      turn.write('so far')
      turn.signal.addEventListener('abort', () => void turn.finish({ status: 'cancelled' }))
      const state = await asking.cancelReply(turn.replyId, { waitMs: 5000 })
      assert.equal(state.status, 'cancelled')
      assert.deepEqual(textsOf(state.message === undefined ? [] : [state.message]), ['so far'])
      assert.equal((turn.signal.reason as { reason: string }).reason, 'REPLY_CANCELLED')
      assert.deepEqual(await asking.cancelReply(turn.replyId), state)
    }
  })

  it('tells who asked to cancel when the reply has not stopped yet', async () => {
    const { store } = stage
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    assert.deepEqual(await store.cancelReply(turn.replyId, { waitMs: 10 }), { status: 'running' })
    await turn.finish({ status: 'cancelled' })
    await assert.rejects(store.cancelReply(`${unique()}.1.1`), { code: 'NOT_FOUND' })
  })

  it('ends as interrupted when it is let go unfinished', async () => {
    const { store } = stage
    const id = await stage.conversation()
    {
      await using turn = await takeTurn(store, id, { messages: [user('q')] })
      turn.write('half')
    }
    const [, reply] = await store.messages(id)
    assert.deepEqual([reply?.reply?.status, textsOf(reply === undefined ? [] : [reply])], ['interrupted', ['half']])
  })

  it('refuses a reply that outgrows the limit, and keeps what it had', async () => {
    const store = await stage.open({ limits: { textBytes: 10 } })
    const turn = await takeTurn(store, await stage.conversation(), { messages: [user('q')] })
    turn.write('12345678')
    assert.throws(() => turn.write('901'), { code: 'RESOURCE_EXHAUSTED', reason: 'REPLY_TOO_LONG' })
    const message = await turn.finish({ status: 'complete', finishReason: 'length' })
    assert.deepEqual(textsOf([message]), ['12345678'])
  })

  it('stops a reply whose conversation is deleted by another process', async () => {
    const { store } = stage
    const holder = await stage.open({ cancelPollMs: 20 })
    const id = await stage.conversation()
    const turn = await takeTurn(holder, id, { messages: [user('q')] })
    await store.delete(id)
    await until(() => turn.signal.aborted)
    assert.equal((turn.signal.reason as { reason: string }).reason, 'CONVERSATION_DELETED')
    await assert.rejects(turn.finish({ status: 'complete' }), { reason: 'CONVERSATION_DELETED' })
  })
}
