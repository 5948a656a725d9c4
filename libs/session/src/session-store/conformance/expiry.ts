import assert from 'node:assert/strict'
import { type SessionStage, unique, until } from './stage.js'

export function expiryTests(stage: SessionStage): void {
  const test = (name: string, run: () => Promise<void>) => stage.it(name, run, 'expiry')

  test('ends a value when its lifetime is over, cached or not', async () => {
    const { store } = stage
    const [cached, uncached] = [unique(), unique()]
    const [written] = await store.writeMany([
      { key: cached, value: 1, ttlMs: 600 },
      { key: uncached, value: 1, ttlMs: 600 },
    ])
    assert.ok(written?.expiresAt !== undefined)
    const { expiresAt, updatedAt } = written
    assert.equal(expiresAt.getTime() - updatedAt.getTime(), 600)
    assert.equal(await store.read(cached), 1)
    assert.deepEqual((await store.readEntry(cached))?.expiresAt, expiresAt)
    await until(async () => (await store.read(cached)) === undefined)
    assert.ok(Date.now() >= expiresAt.getTime() - 50)
    assert.equal(await store.read(uncached), undefined)
    assert.equal(await store.exists(cached), false)
    assert.deepEqual(await store.listKeys(cached), [])
    assert.equal(await store.delete(cached), false)
  })

  test('sets the lifetime anew with every write', async () => {
    const { store } = stage
    const [forever, longer] = [unique(), unique()]
    for (const key of [forever, longer]) await store.write(key, 1, { ttlMs: 400 })
    await store.readMany([forever, longer])
    await store.write(forever, 2)
    await store.write(longer, 2, { ttlMs: 60_000 })
    assert.equal((await store.readEntry(forever))?.expiresAt, undefined)
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.deepEqual(await store.readMany([forever, longer]), [2, 2])
  })

  test('begins anew after the end', async () => {
    const { store } = stage
    const key = unique()
    await store.write(key, 1, { ttlMs: 30 })
    await until(async () => !(await store.exists(key)))
    await store.write(key, 2, { ifVersion: 0 })
    assert.equal(await store.read(key), 2)
  })
}
