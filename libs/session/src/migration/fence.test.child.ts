import { openDocumentStore } from '@holdfast/persistence'
import { openMigratingBackend } from '../session-store/migrating-backend.js'

/** Writes ever higher numbers under four keys until it is killed, and prints what was acknowledged. */
const [legacy = '', documents = '', name = '', trustMs = ''] = process.argv.slice(2)
const store = await openDocumentStore(documents)
const backend = await openMigratingBackend(legacy, store, { trustMs: Number(trustMs) })
const writer = async (number: number): Promise<void> => {
  const key = `${name}:${number}`
  for (let value = 1; ; value += 1) {
    await backend.write({ key, value, json: String(value), ttlMs: undefined, ifVersion: undefined })
    console.log(`${key} ${value}`)
  }
}
await Promise.all([0, 1, 2, 3].map(writer))
