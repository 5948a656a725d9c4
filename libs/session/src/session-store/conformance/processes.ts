import assert from 'node:assert/strict'
import type { SessionStore } from '../session-store.js'
import { type SessionStage, unique } from './stage.js'

export function processTests(stage: SessionStage): void {
  const test = (name: string, run: () => Promise<void>) => stage.it(name, run, 'processes')

  test('shows every process what another one wrote or deleted, as soon as that was answered', async () => {
    const stores = [stage.store, await stage.open(), await stage.open()]
    const key = unique()
    for (let n = 0; n < 60; n += 1) {
      const writer = stores[n % 3] as SessionStore
      if (n % 5 === 4) await writer.delete(key)
      else await writer.write(key, n)
      const expected = n % 5 === 4 ? undefined : n
      assert.deepEqual(await Promise.all(stores.map((store) => store.read(key))), [expected, expected, expected])
    }
  })

  test('never goes back while processes write and read the same keys', async () => {
    const stores = [stage.store, await stage.open()]
    const keys = Array.from({ length: 5 }, () => unique())
    const acknowledged = new Map<string, number>()
    await Promise.all(
      stores.flatMap((store, process) =>
        Array.from({ length: 8 }, async (_, client) => {
          const seen = new Map<string, number>()
          for (let n = 0; n < 60; n += 1) {
            const key = keys[(n * 7 + client + process) % keys.length] ?? ''
            if ((n + client) % 4 === 0) {
              const { version } = await store.write(key, { n, client, process })
              acknowledged.set(key, Math.max(version, acknowledged.get(key) ?? 0))
            } else {
              const least = Math.max(acknowledged.get(key) ?? 0, seen.get(key) ?? 0)
              const version = (await store.readEntry(key))?.version ?? 0
              assert.ok(version >= least, `${key}: version ${version} after ${least}`)
              seen.set(key, version)
            }
          }
        }),
      ),
    )
  })

  test('lets one writer of several processes win', async () => {
    const stores = [stage.store, await stage.open()]
    for (let round = 0; round < 10; round += 1) {
      const key = unique()
      const outcomes = await Promise.allSettled(
        [...stores, ...stores].map((store, n) => store.write(key, n, { ifVersion: 0 })),
      )
      const won = outcomes.findIndex(({ status }) => status === 'fulfilled')
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
      assert.deepEqual(await Promise.all(stores.map((store) => store.read(key))), [won, won])
    }
  })
}
