import { isDeepStrictEqual } from 'node:util'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { openDocumentStore } from '@holdfast/persistence'
import { openMigratingBackend, openSessionStore } from '@holdfast/session'
import { randomFrom } from '../random.js'
import { type Kind, kinds, tellings, type Told, valueAt } from './told.js'

/** A process with several clients, each with keys of its own: reads what must be there, then writes or deletes it. Prints what it is about to do and
 *  what was acknowledged, so that whoever kills it knows what to expect. */
export interface ClientSetup {
  readonly legacy: string
  readonly redis: string
  readonly documents: string
  readonly cache: string
  readonly folder: string
  readonly seed: number
  /** Of all clients which are in this process. */
  readonly clients: readonly number[]
  readonly of: number
  readonly expected: readonly (readonly [key: string, turn: number, exists: boolean])[]
  readonly doubtful: readonly (readonly [key: string, turn: number, exists: boolean])[]
}

const setup = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as ClientSetup
const told = tellings(setup.folder, () => undefined)
const store = await openDocumentStore(setup.documents)
const backend = await openMigratingBackend(setup.legacy, store, { redis: setup.redis, maxConnections: 4 })
const sessions = await openSessionStore({ store, backend, cache: { redis: setup.cache } })
const state = new Map(setup.expected.map(([key, turn, exists]) => [key, { turn, exists }]))
const doubtful = new Map(setup.doubtful.map(([key, turn, exists]) => [key, { turn, exists }]))

let isPaused = false
let resume: (() => void) | undefined
let waiting = 0
const commands = createInterface({ input: process.stdin })
// Whoever started it is gone.
commands.on('close', () => process.exit())
commands.on('line', (line) => {
  if (line === 'go') {
    isPaused = false
    resume?.()
  }
  if (line === 'pause') isPaused = true
})
let whenGo = Promise.resolve()

async function pausing(): Promise<void> {
  if (!isPaused) return
  if (waiting === 0) {
    whenGo = new Promise((resolve) => {
      resume = resolve
    })
  }
  waiting += 1
  if (waiting === setup.clients.length) console.log('paused')
  await whenGo
  waiting = 0
}

async function client(number: number): Promise<void> {
  const random = randomFrom(setup.seed * 1_000 + number)
  const mine = told.filter((_, index) => index % setup.of === number)
  for (;;) {
    await pausing()
    const one = mine[Math.floor(random() * mine.length)]
    const kind = kinds[Math.floor(random() * 2.3)] ?? 'context'
    if (one === undefined) return
    const key = `session:${one.id}:${kind}`
    try {
      await turn(key, one, kind, random())
    } catch (error) {
      const { code, reason, message } = error as { code?: string; reason?: string; message?: string }
      console.log(`failed ${key} ${code} ${reason} ${message}`)
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 20))
  }
}

async function turn(key: string, one: Told, kind: Kind, chance: number): Promise<void> {
  const known = state.get(key) ?? { turn: 0, exists: true }
  const found = await sessions.read(key)
  const isAt = ({ turn: at, exists }: { turn: number; exists: boolean }): boolean =>
    exists ? isDeepStrictEqual(found, valueAt(one, kind, at)) : found === undefined
  const maybe = doubtful.get(key)
  let now = known
  if (!isAt(known)) {
    if (maybe === undefined || !isAt(maybe)) {
      console.log(`stale ${key} ${known.turn} ${known.exists} ${JSON.stringify(found)?.slice(0, 200)}`)
      return
    }
    now = maybe
  }
  // What did not take effect when it was cut off does not take effect later.
  doubtful.delete(key)
  const next = { turn: now.turn + 1, exists: chance > 0.1 }
  console.log(`begin ${key} ${next.turn} ${next.exists ? 1 : 0}`)
  doubtful.set(key, next)
  if (next.exists) await sessions.write(key, valueAt(one, kind, next.turn))
  else await sessions.delete(key)
  state.set(key, next)
  doubtful.delete(key)
  console.log(`done ${key}`)
}

console.log('ready')
await Promise.all(setup.clients.map(client))
