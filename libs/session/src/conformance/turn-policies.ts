import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, follow, takeTurn, textsOf, until, upTo, user } from './stage.js'

export function turnPolicyTests(stage: Stage): void {
  it('queues turns of all processes in the order in which they came', async () => {
    const { store } = stage
    const other = await stage.open()
    const id = await stage.conversation()
    const first = await takeTurn(store, id, { messages: [user('0')] })
    const order: string[] = []
    const running: Promise<void>[] = []
    for (const n of upTo(6)) {
      const begin = { messages: [user(`${n + 1}`)], policy: 'queue' } as const
      running.push(
        takeTurn(n % 2 === 0 ? store : other, id, begin).then(async (turn) => {
          order.push(`${n + 1}`)
          await turn.finish({ status: 'complete' })
        }),
      )
      await until(async () => {
        const queue = await stage.documents.collection<{ waiting: unknown[] }>('turn-queues').get(id)
        return queue?.data.waiting.length === n + 1
      })
    }
    await first.finish({ status: 'complete' })
    await Promise.all(running)
    assert.deepEqual(order, ['1', '2', '3', '4', '5', '6'])
    const asked = (await store.messages(id)).filter(({ role }) => role === 'user')
    assert.deepEqual(textsOf(asked), ['0', '1', '2', '3', '4', '5', '6'])
    assert.equal(await stage.documents.collection('turn-queues').get(id), undefined)
  })

  it('lets no more wait than are allowed to, and none longer', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const first = await takeTurn(store, id, { messages: [user('first')] })
    const begin = { messages: [user('later')], policy: 'queue', maxWaiting: 2 } as const
    const waiting = upTo(2).map(() => store.beginTurn(id, { ...begin, waitMs: 700 }))
    const ends = Promise.allSettled(waiting)
    await until(async () => {
      const queue = await stage.documents.collection<{ waiting: unknown[] }>('turn-queues').get(id)
      return queue?.data.waiting.length === 2
    })
    await assert.rejects(store.beginTurn(id, begin), { code: 'RESOURCE_EXHAUSTED', reason: 'TURN_QUEUE_FULL' })
    for (const end of await ends) {
      assert(end.status === 'rejected')
      assert.equal((end.reason as { reason: string }).reason, 'TURN_WAIT_ENDED')
    }
    const stop = new AbortController()
    const aborted = store.beginTurn(id, { ...begin, signal: stop.signal })
    stop.abort(new Error('the caller has gone'))
    await assert.rejects(aborted, /the caller has gone/)
    assert.equal(await stage.documents.collection('turn-queues').get(id), undefined)
    await first.finish({ status: 'complete' })
    assert.deepEqual(textsOf(await store.messages(id)), ['first', ''])
    for (const bad of [{ policy: 'push' as 'queue' }, { waitMs: -1 }, { maxWaiting: 0 }]) {
      await assert.rejects(store.beginTurn(id, { ...begin, ...bad }), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('does not wait for somebody in the queue who died', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const first = await takeTurn(store, id, { messages: [user('first')] })
    const now = (await stage.documents.now()).getTime()
    const waiting = [{ nonce: 'of a dead process', until: now + 600 }]
    await stage.documents.collection('turn-queues').put(id, { waiting })
    const second = takeTurn(store, id, { messages: [user('second')], policy: 'queue' })
    await first.finish({ status: 'complete' })
    await (await second).finish({ status: 'complete' })
    assert((await stage.documents.now()).getTime() >= now + 600)
  })

  for (const where of ['here', 'in another process'] as const) {
    it(`interrupts the reply that is being made ${where}, keeps what is durable of it, then begins`, async () => {
      const { store } = stage
      const id = await stage.conversation()
      const holder = where === 'here' ? store : await stage.open({ cancelPollMs: 60_000 })
      const turn = await takeTurn(holder, id, { messages: [user('first')] })
      turn.write('Once upon ')
      await turn.flushed()
      const over = new Promise<void>((resolve) => {
        turn.signal.addEventListener('abort', () => {
          void turn.finish({ status: 'cancelled' }).then(
            () => resolve(),
            () => resolve(),
          )
        })
      })
      const next = await takeTurn(store, id, { messages: [user('second')], policy: 'interrupt' })
      assert.equal(next.token, turn.token + 1)
      const { text, status } = await follow(store, turn.replyId)
      assert.deepEqual([text, status], ['Once upon ', 'cancelled'])
      next.write('Yes.')
      await next.finish({ status: 'complete' })
      assert.deepEqual(textsOf(await store.messages(id)), ['first', 'Once upon ', 'second', 'Yes.'])
      if (where === 'here') await over
      else {
        turn.write('a time')
        await assert.rejects(turn.flushed(), { reason: 'TURN_LOST' })
      }
    })
  }

  it('interrupts a holder that writes all the time and does not listen', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const holder = await stage.open({ cancelPollMs: 60_000 })
    const turn = await takeTurn(holder, id, { messages: [user('first')] })
    const writing = (async () => {
      for (;;) {
        turn.write('word ')
        await turn.flushed()
      }
    })().catch((error: unknown) => (error as { reason: string }).reason)
    const next = await takeTurn(store, id, { messages: [user('second')], policy: 'interrupt' })
    assert.equal(await writing, 'TURN_LOST')
    await next.finish({ status: 'complete' })
    const [, reply] = await store.messages(id)
    assert.equal(reply?.reply?.status, 'cancelled')
    assert.equal((await follow(store, turn.replyId)).text, textsOf(reply === undefined ? [] : [reply])[0])
  })

  it('finds the reply of the same call again, instead of waiting for it', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const begin = { messages: [{ ...user('q'), key: 'q' }], policy: 'queue' } as const
    const turn = await takeTurn(store, id, begin)
    const again = await store.beginTurn(id, begin)
    assert.deepEqual([again.started, again.replyId], [false, turn.replyId])
    const interrupting = await store.beginTurn(id, { ...begin, policy: 'interrupt' })
    assert.deepEqual([interrupting.started, interrupting.replyId], [false, turn.replyId])
    await turn.finish({ status: 'complete' })
  })
}
