import { openDocumentStore } from '@holdfast/persistence'
import { openSessionMigration } from '@holdfast/session'

/** One step of the migration in a process of its own, which may be killed. Prints `ready`, then the report. */
const [step = '', legacy = '', redis = '', documents = ''] = process.argv.slice(2)
const store = await openDocumentStore(documents)
const migration = await openSessionMigration({ from: legacy, fromRedis: redis, store, maxHoldMs: 4_000 })
// Slow enough to be killed in the middle.
const options = { ratePerSecond: 1_000 }
const steps: Readonly<Record<string, () => Promise<object>>> = {
  'dual-write': () => migration.dualWrite(),
  backfill: () => migration.backfill(options),
  verify: () => migration.verify(options),
  cutover: () => migration.cutover(),
  finish: () => migration.finish(),
  rollback: () => migration.rollback(options),
}
console.log('ready')
const report = await steps[step]?.()
console.log(JSON.stringify(report))
await migration.close()
await store.close()
