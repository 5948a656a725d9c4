import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore, type Scope } from '@holdfast/persistence'
import { startPostgres, startProxy } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'

const writers = 32
const stores = 4
const watchers = 3

/** One change as its writer was told, and as a watcher saw it. */
const nameOf = (op: 'write' | 'delete', id: string, version: number): string => `${op} ${id} ${version}`

/** Writers in several stores, and watchers whose connections are cut all the time and who begin again behind the last event that they
 *  had. Each has to see every change once, in the order of the versions. */
export async function watchUnderReconnects(options: {
  readonly turns: number
  readonly seed: number
}): Promise<Record<string, number>> {
  const random = randomFrom(options.seed)
  await using postgres = await startPostgres()
  const url = await postgres.createDatabase()
  await using proxy = await startProxy(url)
  const writing = await Promise.all(Array.from({ length: stores }, () => openDocumentStore(url)))
  await using watching = await openDocumentStore(proxy.url)
  const [first] = writing
  if (first === undefined) throw new Error('There is no store')
  await changesOf(first).put('begin', { n: 0 })
  const made: string[] = [nameOf('write', 'begin', 1)]
  const state = { over: false, cuts: 0, resumed: 0 }
  const seeing = Promise.all(
    Array.from({ length: watchers }, (_, watcher) =>
      watch(watching, state, () => 20 + Math.floor(random() * 200 * (watcher + 1))),
    ),
  )
  const cutting = (async () => {
    while (!state.over) {
      await delay(50 + random() * 150)
      state.cuts += proxy.cut()
    }
  })()
  try {
    await Promise.all(
      Array.from({ length: writers }, (_, writer) =>
        write(writing[writer % stores] ?? first, writer, options.turns, made),
      ),
    )
  } finally {
    // The last one, so that watchers know when they have seen all.
    await changesOf(first).put('end', { n: 0 })
    made.push(nameOf('write', 'end', 1))
  }
  const seen = await seeing
  state.over = true
  await cutting
  await Promise.all(writing.map((store) => store.close()))
  const counts = { missed: 0, repeated: 0, disordered: 0 }
  for (const events of seen) judge(made, events, counts)
  return { changes: made.length, watchers, connections_cut: state.cuts, watches_resumed: state.resumed, ...counts }
}

interface Seen {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly position: string
}

const changesOf = (scope: Scope) => scope.collection<{ n: number }>('changes', { feed: true })

/** Every document by one writer, so that no two puts of one are gathered into one change. */
async function write(store: DocumentStore, writer: number, turns: number, made: string[]): Promise<void> {
  const docs = changesOf(store)
  for (let n = 0; n < turns; n += 1) {
    const id = `w${writer}-${n}`
    const note = (version: number): void => void made.push(nameOf('write', id, version))
    note((await docs.put(id, { n })).version)
    const later = await (n % 4 === 0
      ? store.transaction((tx) => changesOf(tx).updateOne(id, { $inc: { n: 1 } }), { maxAttempts: 1_000 })
      : docs.updateOne(id, { $inc: { n: 1 } }))
    if (later === undefined) throw new Error(`${id} was not there`)
    note(later.version)
    if (n % 3 === 0 && (await docs.deleteOne(id))) made.push(nameOf('delete', id, later.version))
  }
}

/** A server that lost many connections a moment ago may have no room for new ones yet. */
const passing: ReadonlySet<string> = new Set(['UNAVAILABLE', 'UNKNOWN', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'])

async function watch(store: DocumentStore, state: { resumed: number }, atMost: () => number): Promise<readonly Seen[]> {
  const seen: Seen[] = []
  for (;;) {
    const last = seen.at(-1)
    let left = atMost()
    try {
      const from = last === undefined ? ({ from: 'start' } as const) : { after: last.position }
      for await (const { op, id, version, position } of changesOf(store).watch(from)) {
        seen.push({ name: nameOf(op, id, version), id, version, position })
        if (id === 'end') return seen
        left -= 1
        if (left === 0) break
      }
    } catch (error) {
      if (!(error instanceof HoldfastError) || !passing.has(error.code)) throw error
    }
    state.resumed += 1
  }
}

function judge(
  made: readonly string[],
  events: readonly Seen[],
  counts: { missed: number; repeated: number; disordered: number },
): void {
  const names = new Set<string>()
  const versions = new Map<string, number>()
  for (const { name, id, version } of events) {
    if (names.has(name)) counts.repeated += 1
    names.add(name)
    if (version < (versions.get(id) ?? 0)) counts.disordered += 1
    versions.set(id, version)
  }
  counts.missed += made.filter((name) => !names.has(name)).length
}
