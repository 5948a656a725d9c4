import assert from 'node:assert/strict'
import { rejectsWith, type SessionStage, unique } from './stage.js'

export function lifecycleTests(stage: SessionStage): void {
  stage.it('tells how each part is and how long it takes', async () => {
    const { store, cache } = await stage.store.healthCheck()
    assert.equal(store.status, 'up')
    assert.ok(store.latencyMs !== undefined && store.latencyMs >= 0)
    if (cache.status === 'absent') return
    assert.equal(cache.status, 'up')
    assert.ok(cache.latencyMs !== undefined && cache.latencyMs >= 0)
  })

  stage.it(
    'finds everything again when it is opened anew, and says so when it is closed',
    async () => {
      const key = unique()
      const store = await stage.open()
      await store.write(key, 'kept')
      await store.close()
      await store.close()
      for (const call of [
        () => store.write(key, 1),
        () => store.read(key),
        () => store.readEntry(key),
        () => store.readMany([key]),
        () => store.writeMany([{ key, value: 1 }]),
        () => store.delete(key),
        () => store.exists(key),
        () => store.listKeys(),
        () => store.healthCheck(),
      ]) {
        await rejectsWith(call(), 'FAILED_PRECONDITION')
      }
      const again = await stage.open()
      assert.equal(await again.read(key), 'kept')
    },
    'processes',
  )
}
