import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, textsOf, unique, user } from './stage.js'

export function forkTests(stage: Stage): void {
  it('shares the past and then goes its own way', async () => {
    const { store } = stage
    const { id } = await store.create({ userId: 'ada', title: 'Trains', metadata: { a: 'b' } })
    await store.append(id, ['one', 'two', 'three'].map(user))
    await store.patchState(id, { to: 'Paris' })
    const fork = await store.fork(id, { atSeq: 2 })
    assert.deepEqual(fork.parent, { conversationId: id, seq: 2 })
    assert.deepEqual([fork.userId, fork.title, fork.metadata, fork.lastSeq], ['ada', 'Trains', { a: 'b' }, 2])
    assert.deepEqual(await store.get(fork.id), fork)
    await store.append(fork.id, [user('another three')])
    await store.append(id, [user('four')])
    assert.deepEqual(textsOf(await store.messages(fork.id)), ['one', 'two', 'another three'])
    assert.deepEqual(textsOf(await store.messages(id)), ['one', 'two', 'three', 'four'])
    await store.patchState(fork.id, { to: 'Rome' })
    assert.deepEqual(
      [(await store.state(id)).state, (await store.state(fork.id)).state],
      [{ to: 'Paris' }, { to: 'Rome' }],
    )
  })

  it('forks at the end, at the beginning, and never beyond the end', async () => {
    const { store } = stage
    const id = await stage.conversation('one', 'two')
    const [whole, empty] = [await store.fork(id, { title: 'mine' }), await store.fork(id, { atSeq: 0 })]
    assert.deepEqual([whole.parent?.seq, whole.title], [2, 'mine'])
    assert.deepEqual(await store.messages(empty.id), [])
    assert.equal((await store.append(empty.id, [user('first')]))[0]?.seq, 1)
    await assert.rejects(store.fork(id, { atSeq: 3 }), { code: 'OUT_OF_RANGE' })
    await assert.rejects(store.fork(id, { atSeq: -1 }), { code: 'INVALID_ARGUMENT' })
  })

  it('forks once for an id or a key', async () => {
    const { store } = stage
    const id = await stage.conversation('one')
    const target = unique()
    const first = await store.fork(id, { id: target })
    await store.append(id, [user('two')])
    assert.deepEqual(await store.fork(id, { id: target }), first)
    await assert.rejects(store.fork(id, { id: target, atSeq: 1 }), { code: 'ALREADY_EXISTS' })
    const key = unique('key')
    assert.equal((await store.fork(id, { key })).id, (await store.fork(id, { key })).id)
    await store.delete(target)
    await assert.rejects(store.fork(id, { id: target }), { reason: 'CONVERSATION_DELETED' })
  })

  it('keeps its past when the original is deleted', async () => {
    const { store } = stage
    const id = await stage.conversation('one', 'two')
    const fork = await store.fork(id)
    await store.append(fork.id, [user('three')])
    await store.delete(id)
    assert.deepEqual(textsOf(await store.messages(fork.id)), ['one', 'two', 'three'])
    await assert.rejects(store.redact(fork.id, 1), { reason: 'MESSAGE_SHARED', message: /was deleted/ })
  })

  it('leaves shared messages to the conversation that owns them, and shows what that does', async () => {
    const { store } = stage
    const a = await stage.conversation('a1', 'a2')
    const b = (await store.fork(a)).id
    await store.append(b, [user('b3')])
    const c = (await store.fork(b)).id
    await store.append(c, [user('c4')])
    const owned = (ownerId: string) => ({
      code: 'FAILED_PRECONDITION',
      reason: 'MESSAGE_SHARED',
      metadata: { ownerId },
    })
    const refusal = async (work: Promise<unknown>, ownerId: string): Promise<void> => {
      await assert.rejects(work, (error: { code: string; reason: string; metadata: Record<string, string> }) => {
        const { code, reason, metadata } = error
        assert.deepEqual({ code, reason, metadata: { ownerId: metadata['ownerId'] } }, owned(ownerId))
        return true
      })
    }
    await refusal(store.redact(c, 2), a)
    await refusal(store.redact(c, 3), b)
    await refusal(store.edit(c, 1, [{ type: 'text', text: 'x' }]), a)
    assert.equal((await store.redact(c, 4)).redacted, true)
    await store.redact(a, 2)
    await store.edit(b, 3, [{ type: 'text', text: 'b3 edited' }])
    assert.deepEqual(textsOf(await store.messages(c)), ['a1', '', 'b3 edited', ''])
    const early = (await store.fork(c, { atSeq: 1 })).id
    await refusal(store.redact(early, 1), a)
  })
}
