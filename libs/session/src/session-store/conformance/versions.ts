import assert from 'node:assert/strict'
import { rejectsWith, type SessionStage, unique } from './stage.js'

export function versionTests(stage: SessionStage): void {
  stage.it('counts the writes of a key, deletions included', async () => {
    const { store } = stage
    const key = unique()
    assert.equal((await store.write(key, 'a')).version, 1)
    const second = await store.write(key, 'b')
    assert.equal(second.version, 2)
    const entry = await store.readEntry(key)
    assert.equal(entry?.version, 2)
    assert.deepEqual(entry?.updatedAt, second.updatedAt)
    assert.ok(entry !== undefined && entry.createdAt <= entry.updatedAt)
    assert.equal(await store.delete(key), true)
    const { version } = await store.write(key, 'c')
    assert.ok(version > 2, `${version}`)
    assert.equal((await store.readEntry(key))?.version, version)
  })

  stage.it('writes only over the version that the caller names', async () => {
    const { store } = stage
    const key = unique()
    await store.write(key, 'a')
    const { version } = await store.write(key, 'b', { ifVersion: 1 })
    assert.equal(version, 2)
    const error = await rejectsWith(store.write(key, 'c', { ifVersion: 1 }), 'ABORTED', /version 2, not 1/)
    assert.equal(error.reason, 'STALE_VERSION')
    assert.equal(error.metadata?.['version'], '2')
    await rejectsWith(store.write(key, 'c', { ifVersion: 3 }), 'ABORTED')
    await rejectsWith(store.write(unique(), 'c', { ifVersion: 3 }), 'ABORTED')
    assert.equal(await store.read(key), 'b')
  })

  stage.it('writes with ifVersion 0 only where no value is', async () => {
    const { store } = stage
    const key = unique()
    await store.write(key, 'a', { ifVersion: 0 })
    await rejectsWith(store.write(key, 'b', { ifVersion: 0 }), 'ABORTED')
    await store.delete(key)
    await rejectsWith(store.write(key, 'b', { ifVersion: 1 }), 'ABORTED')
    const { version } = await store.write(key, 'c', { ifVersion: 0 })
    assert.ok(version > 1)
    assert.equal(await store.read(key), 'c')
  })

  stage.it('lets one of many writers that name the same version win', async () => {
    const { store } = stage
    for (const there of [true, false]) {
      const key = unique()
      const ifVersion = there ? (await store.write(key, 'first')).version : 0
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) => store.write(key, `writer ${n}`, { ifVersion })),
      )
      const won = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
      assert.equal(won.length, 1)
      assert.equal(await store.read(key), `writer ${won[0]}`)
    }
  })

  stage.it('loses none of many writes of one key', async () => {
    const { store } = stage
    const key = unique()
    const written = await Promise.all(Array.from({ length: 50 }, (_, n) => store.write(key, n)))
    const versions = written.map(({ version }) => version)
    assert.deepEqual(
      versions.toSorted((a, b) => a - b),
      Array.from({ length: 50 }, (_, n) => n + 1),
    )
    assert.equal(await store.read(key), versions.indexOf(50))
  })

  stage.it('deletes once', async () => {
    const { store } = stage
    const key = unique()
    assert.equal(await store.delete(key), false)
    await store.write(key, 'a')
    await store.read(key)
    const deletions = await Promise.all(Array.from({ length: 10 }, () => store.delete(key)))
    assert.equal(deletions.filter(Boolean).length, 1)
    for (let time = 0; time < 2; time += 1) {
      assert.equal(await store.read(key), undefined)
      assert.equal(await store.exists(key), false)
    }
  })

  stage.it('keeps what is written beside a deletion that finds nothing', async () => {
    const { store } = stage
    for (let round = 0; round < 100; round += 1) {
      const key = unique()
      await store.read(key)
      const [existed] = await Promise.all([store.delete(key), store.write(key, round)])
      for (let time = 0; time < 2; time += 1) {
        assert.equal(await store.read(key), existed ? undefined : round)
      }
    }
  })
}
