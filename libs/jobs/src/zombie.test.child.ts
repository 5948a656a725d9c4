import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { openJobs } from './open-jobs.js'
import { zombieKind, type ZombieNews } from './zombie.test.support.js'

/** Works on jobs, and tells its parent what it does; it is stopped and woken, or killed, in the middle of it. */
const [url = ''] = process.argv.slice(2)
const tell = (news: ZombieNews): void => void process.send?.(news)
const store = await openDocumentStore(url)
const jobs = await openJobs(store, { kinds: [zombieKind(tell)], workers: 1, leaseMs: 500, pollMs: 100, drainMs: 0 })
tell({ ready: true })
await new Promise((resolve) => process.once('message', resolve))
// What it made while it was away is written, or refused, by now.
await delay(200)
await jobs.close()
await store.close()
process.disconnect()
