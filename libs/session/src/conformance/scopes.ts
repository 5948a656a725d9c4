import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, takeTurn, unique, upTo, user } from './stage.js'

export function scopeTests(stage: Stage): void {
  it('keeps a state for the application, each user and each conversation, seen by every process', async () => {
    const { store } = stage
    const other = await stage.open()
    const id = await stage.conversation()
    const targets = [
      { scope: 'user', userId: unique('ada') },
      { scope: 'user', userId: unique('bob') },
      { scope: 'session', conversationId: id },
    ] as const
    for (const [index, target] of targets.entries()) {
      assert.deepEqual((await store.state(target)).version, 0)
      const patched = await store.patchState(target, { n: index, gone: true })
      assert.deepEqual([patched.state, patched.version], [{ n: index, gone: true }, 1])
    }
    for (const [index, target] of targets.entries()) {
      await other.patchState(target, { gone: null, more: { a: 1 } }, { ifVersion: 1 })
      await assert.rejects(store.patchState(target, { x: 1 }, { ifVersion: 1 }), { code: 'ABORTED' })
      const { state, version } = await store.state(target)
      assert.deepEqual([state, version], [{ n: index, more: { a: 1 } }, 2])
    }
    assert.deepEqual(await store.state(id), await store.state({ scope: 'session', conversationId: id }))
    const before = (await store.state({ scope: 'app' })).version
    await Promise.all(
      upTo(20).map((n) => (n % 2 === 0 ? store : other).patchState({ scope: 'app' }, { [`${before}-${n}`]: n })),
    )
    const app = await other.state({ scope: 'app' })
    assert.equal(app.version, before + 20)
    assert.equal(app.state[`${before}-19`], 19)
    const replaced = await store.replaceState(targets[0], { only: 'this' })
    assert.deepEqual([replaced.state, replaced.version], [{ only: 'this' }, 3])
  })

  it('keeps a temp state in this process only, until a turn ends', async () => {
    const { store } = stage
    const other = await stage.open()
    const id = await stage.conversation()
    const temp = { scope: 'temp', conversationId: id } as const
    await store.patchState(temp, { draft: 1 })
    await assert.rejects(store.patchState(temp, {}, { ifVersion: 0 }), { code: 'ABORTED' })
    assert.deepEqual((await store.state(temp)).state, { draft: 1 })
    assert.deepEqual((await other.state(temp)).state, {})
    assert.deepEqual((await store.state(id)).state, {})
    const turn = await takeTurn(store, id, { messages: [user('q')] })
    assert.deepEqual((await store.state(temp)).state, { draft: 1 })
    await turn.finish({ status: 'complete' })
    assert.deepEqual((await store.state(temp)).state, {})
    await assert.rejects(store.patchState({ scope: 'temp', conversationId: unique() }, {}), { code: 'NOT_FOUND' })
  })

  it('refuses scopes that it does not know', async () => {
    for (const bad of [{ scope: 'team' }, { scope: 'user', userId: '' }, { scope: 'user' }, 7, null]) {
      await assert.rejects(stage.store.state(bad as never), { code: 'INVALID_ARGUMENT' })
    }
  })
}
