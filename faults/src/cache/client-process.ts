import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { randomFrom } from '../random.js'
import { type HistoryLine, now, type Operation } from './history.js'
import { cacheOf, lives, type ClientMessage, type ClientSettings, keyOf } from './workload.js'

/** A process of the campaign: clients that call the session store one after the other until the parent says stop or kills it. What they see
 *  goes into a file, changes before they are begun as well, so that one that is killed leaves its unfinished changes behind. */
const settings = JSON.parse(process.argv[2] ?? '') as ClientSettings
/** ABORTED: an epoch that changes too often. */
const passing: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
])
let stopping = false
process.once('message', () => {
  stopping = true
})
// The parent is gone.
process.once('disconnect', () => process.exit(1))

let seen = ''
let operations = 0
let changes = 0
const documents = await openDocuments()
const store = await openSessionStore({ store: documents, cache: cacheOf(settings) })
const ticking = setInterval(tell, 100)
await Promise.all(Array.from({ length: settings.clients }, (_, client) => live(client)))
clearInterval(ticking)
tell()
await store.close()
await documents.close()
process.removeAllListeners('disconnect')
process.disconnect()

/** The database may be restarting. */
async function openDocuments(): Promise<DocumentStore> {
  for (;;) {
    try {
      return await openDocumentStore(settings.databaseUrl, { maxConnections: 6, sweepIntervalMs: 0 })
    } catch (error) {
      if (!(error instanceof HoldfastError) || !passing.has(error.code)) throw error
      await delay(50)
    }
  }
}

async function live(client: number): Promise<void> {
  const random = randomFrom(settings.seed * 1_000 + settings.process * 100 + client)
  for (let n = 0; !stopping; n += 1) {
    const key = keyOf(random)
    const what = random()
    const id = `${settings.process}-${client}-${n}`
    if (what < 0.6) await read(key)
    else if (what < 0.66) await readSome([key, ...Array.from({ length: 3 }, () => keyOf(random))])
    else if (what < 0.7) await remove(key)
    else await write(key, id, random)
    // A call that fails at once would be made over and over.
    if (random() < settings.pauseShare) await delay(random() * 10)
  }
}

type Outcome = Pick<Operation, 'outcome'> & Partial<Operation>

async function note(
  kind: Operation['kind'],
  keys: readonly string[],
  call: () => Promise<readonly Partial<Operation>[]>,
  about: Partial<Operation> = {},
): Promise<void> {
  const start = now()
  const change = kind === 'read' ? undefined : (changes += 1)
  if (change !== undefined) {
    const begun = keys.map((key) => ({ process: settings.process, key, kind, start, ...about }))
    record({ change, begun })
  }
  let outcomes: readonly Outcome[]
  let pause = false
  try {
    outcomes = (await call()).map((seen) => ({ ...seen, outcome: 'done' }))
  } catch (error) {
    if (!(error instanceof HoldfastError) || !passing.has(error.code)) throw error
    outcomes = keys.map(() => ({ outcome: error.code === 'UNKNOWN' ? 'unknown' : 'refused' }))
    pause = true
  }
  const end = now()
  const ended = keys.map((key, index): Operation => {
    const outcome = outcomes[index] ?? { outcome: 'refused' as const }
    return { process: settings.process, key, kind, start, end, ...about, ...outcome }
  })
  operations += ended.length
  record({ change, ended })
  if (pause) await delay(20)
}

function read(key: string): Promise<void> {
  return note('read', [key], async () => {
    const entry = await store.readEntry<{ id: string }>(key)
    return [{ value: entry?.value.id, version: entry?.version }]
  })
}

function readSome(keys: readonly string[]): Promise<void> {
  return note('read', keys, async () => {
    const values = await store.readMany<{ id: string }>(keys)
    return values.map((value) => ({ value: value?.id }))
  })
}

function write(key: string, id: string, random: () => number): Promise<void> {
  const ttlMs = lives(key) ? 200 + Math.floor(random() * 2_000) : undefined
  const value = { id, padding: 'x'.repeat(Math.floor(random() * 400)) }
  return note(
    'write',
    [key],
    async () => [{ version: (await store.write(key, value, ttlMs === undefined ? {} : { ttlMs })).version }],
    { value: id, ttlMs },
  )
}

function remove(key: string): Promise<void> {
  return note('delete', [key], async () => [{ existed: await store.delete(key) }])
}

/** Of changes at once, of reads some time. */
function record(line: HistoryLine): void {
  seen += `${JSON.stringify(line)}\n`
  if (line.change !== undefined) flush()
}

function flush(): void {
  if (seen !== '') appendFileSync(settings.historyFile, seen)
  seen = ''
}

function tell(): void {
  flush()
  process.send?.({ operations } satisfies ClientMessage)
}
