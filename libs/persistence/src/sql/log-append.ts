import { HoldfastError } from '@holdfast/errors'
import type { AppendedEntry, AppendGroup, AppendOutcome, NewEntry } from '../backend.js'
import type { PreparedText } from './document-statements.js'
import type { SqlConnection, SqlRow } from './driver.js'
import { escapeForJsonb, unescapeFromJsonb } from './json-text.js'
import type { AppendStatements, LogStatements } from './log-statements.js'
import { int8Array, textArray } from './parameters.js'

/** Rounds of an append at most, and one more for each group. In each a competitor got ahead with a key or a stream. */
const maxRounds = 10

/** A log as its appends need it. */
export interface AppendTarget {
  readonly connection: SqlConnection
  readonly statements: LogStatements
  /** Names of branches that were met, which the quick statements leave alone. A stream stays a branch for all its life; one that is
   *  not in here only costs two statements more. */
  readonly branches: Set<string>
}

const maxKnownBranches = 10_000

/** Appends groups, at most one for each stream, by one statement that either appends all of a group or nothing of it. Groups
 *  that it left alone are looked at, answered or tried again; a key that is stored already makes the whole statement fail,
 *  with no number given out, and is then taken out of the next try. */
export async function appendGroups(
  target: AppendTarget,
  groups: readonly AppendGroup[],
  insideTransaction: boolean,
): Promise<AppendOutcome[]> {
  const works = groups.map((group) => new GroupWork(group))
  let written = false
  try {
    // A failed statement would end the transaction, so keys are looked up first there.
    if (insideTransaction) await judge(target, works, works.filter(isKeyedAndFenced))
    for (let round = 1; ; round += 1) {
      const open = works.filter(isOpen)
      if (open.length === 0) return works.map(outcomeOf)
      if (round > maxRounds + groups.length) throw contended(open)
      const result = await attempt(target, open)
      if (result === 'key stored') {
        if (insideTransaction) throw conflict()
        await judge(target, open, open.filter(isKeyedAndFenced))
        continue
      }
      written ||= result === 'written'
      const left = open.filter(isOpen)
      if (left.length > 0) await judge(target, left, left)
    }
  } catch (error) {
    // What was answered before must not be reported as not written.
    if (!written || insideTransaction) throw error
    throw new HoldfastError(
      'UNKNOWN',
      'Some entries of a batch were appended and some may not have been: repeat the appends with their keys',
      { cause: error, reason: 'APPEND_INTERRUPTED' },
    )
  }
}

class GroupWork {
  outcome: AppendOutcome | undefined
  readonly group: AppendGroup
  /** Rarely there is any. */
  #stored: Map<NewEntry, AppendedEntry> | undefined
  #conflict: (AppendOutcome & { readonly kind: 'conflict' }) | undefined

  constructor(group: AppendGroup) {
    this.group = group
  }

  /** Entries that are not known to be stored. */
  get fresh(): readonly NewEntry[] {
    const { entries } = this.group
    const stored = this.#stored
    return stored === undefined ? entries : entries.filter((entry) => !stored.has(entry))
  }

  get mustExist(): boolean {
    return this.group.ifExists === true || (this.group.ifNext ?? 1) > 1
  }

  /** One entry to append, wherever the stream stands. */
  get isSingle(): boolean {
    return this.fresh.length === 1 && this.group.ifNext === undefined
  }

  isStored(entry: NewEntry, as: AppendedEntry, sameData: boolean): void {
    this.#stored ??= new Map()
    this.#stored.set(entry, as)
    const index = this.group.entries.indexOf(entry)
    if (!sameData && index < (this.#conflict?.index ?? Infinity))
      this.#conflict = { kind: 'conflict', index, seq: as.seq }
  }

  /** Answers the group if what is known of its keys decides it. @param next the next number, if it is not the expected one */
  decide(next?: number): void {
    if (this.outcome !== undefined) return
    const isRepeated = this.#stored !== undefined && this.#stored.size === this.group.entries.length
    if (next !== undefined && !isRepeated) this.outcome = { kind: 'stale', next }
    else if (this.#conflict !== undefined) this.outcome = this.#conflict
    else if (isRepeated) this.wasAppended(0, 0)
  }

  /** @param before the last sequence number before the fresh entries */
  /** @param isHeld `undefined`: not known */
  wasAppended(before: number, at: number, isHeld?: boolean): void {
    let seq = before
    const entries = this.group.entries.map((entry): AppendedEntry => {
      const stored = this.#stored?.get(entry)
      if (stored !== undefined) return stored
      seq += 1
      return { seq, at }
    })
    // What was stored before may have been unheld then, or not.
    this.outcome =
      isHeld === undefined || this.#stored !== undefined
        ? { kind: 'appended', entries }
        : { kind: 'appended', entries, isHeld }
  }
}

async function attempt(
  { connection, statements, branches }: AppendTarget,
  works: readonly GroupWork[],
): Promise<'written' | 'nothing written' | 'key stored'> {
  const tries = works.filter(({ fresh }) => fresh.length > 0)
  const [only] = tries
  if (only === undefined) return 'nothing written'
  const hasBranch = branches.size > 0 && tries.some(({ group }) => branches.has(nameOf(group)))
  const append = hasBranch ? statements.appendToAny : statements.append
  try {
    const [entry] = only.fresh
    if (tries.length > 1 && !hasBranch && tries.every((work) => work.isSingle && work.mustExist === only.mustExist)) {
      const singles = only.mustExist ? statements.appendSinglesToExisting : statements.appendSingles
      return await attemptSingles(connection, singles, inStreamOrder(tries))
    }
    return tries.length === 1 && only.fresh.length === 1 && entry !== undefined
      ? await attemptOne(connection, append, only, entry)
      : await attemptMany(connection, append, inStreamOrder(tries))
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.reason !== 'UNIQUE_VIOLATION') throw error
    if (error.metadata['constraint']?.endsWith('_pkey') === true) throw contradiction(tries, error)
    return 'key stored'
  }
}

async function attemptOne(
  connection: SqlConnection,
  append: AppendStatements,
  work: GroupWork,
  { key, json }: NewEntry,
): Promise<'written' | 'nothing written'> {
  const { tenant, stream, ifNext } = work.group
  const statement = work.mustExist ? append.oneToExisting : append.one
  const values = [tenant, stream, key ?? null, escapeForJsonb(json), ifNext ?? null]
  const [row] = await connection.query({ ...statement, values })
  if (row === undefined) return 'nothing written'
  work.wasAppended(Number(row[0]) - 1, Number(row[1]), row[2] === true)
  return 'written'
}

async function attemptSingles(
  connection: SqlConnection,
  statement: PreparedText,
  works: readonly GroupWork[],
): Promise<'written' | 'nothing written'> {
  const entries = works.flatMap(({ fresh }) => fresh)
  const rows = await connection.query({
    ...statement,
    values: [
      ...keysOf(works),
      textArray(entries.map(({ key }) => key ?? null)),
      textArray(entries.map(({ json }) => escapeForJsonb(json))),
    ],
  })
  // Rows have always been seen in the order that was sent, which costs nothing to check and is not relied on.
  let next = 0
  for (const [tenant, stream, before, at, isHeld] of rows) {
    const isOf = ({ group }: GroupWork) => group.stream === stream && group.tenant === tenant
    let place = next
    for (let work = works[place]; work !== undefined && !isOf(work); work = works[place]) place += 1
    if (place === works.length) place = works.findIndex(isOf)
    works[place]?.wasAppended(Number(before), Number(at), isHeld === true)
    next = place + 1
  }
  return rows.length > 0 ? 'written' : 'nothing written'
}

async function attemptMany(
  connection: SqlConnection,
  append: AppendStatements,
  works: readonly GroupWork[],
): Promise<'written' | 'nothing written'> {
  const entries = works.flatMap(({ fresh }, index) =>
    fresh.map((entry, place) => ({ number: index + 1, place: place + 1, entry })),
  )
  const rows = await connection.query({
    ...append.many,
    values: [
      textArray(works.map(({ group }) => group.tenant)),
      textArray(works.map(({ group }) => group.stream)),
      int8Array(works.map(({ fresh }) => fresh.length)),
      int8Array(works.map(({ group }) => group.ifNext ?? 0)),
      { type: 'bool', items: works.map(({ mustExist }) => mustExist) },
      int8Array(entries.map(({ number }) => number)),
      int8Array(entries.map(({ place }) => place)),
      textArray(entries.map(({ entry }) => entry.key ?? null)),
      textArray(entries.map(({ entry }) => escapeForJsonb(entry.json))),
    ],
  })
  return appended(works, rows)
}

function appended(works: readonly GroupWork[], rows: readonly SqlRow[]): 'written' | 'nothing written' {
  for (const [number, before, at, isHeld] of rows)
    works[Number(number) - 1]?.wasAppended(Number(before), Number(at), isHeld === true)
  return rows.length > 0 ? 'written' : 'nothing written'
}

/** Decides what can be decided of groups: by their keys and, for some, by where their streams stand. The others stay open: they were
 *  left alone because their streams are branches, or why they were no longer holds, so it was another writer's doing. */
async function judge(
  { connection, statements, branches }: AppendTarget,
  works: readonly GroupWork[],
  byStanding: readonly GroupWork[],
): Promise<void> {
  const stale = new Map<GroupWork, number>()
  const rows =
    byStanding.length === 0 ? [] : await connection.query({ ...statements.standing, values: keysOf(byStanding) })
  const standings = new Map(rows.map((row) => [Number(row[0]) - 1, standingOf(row)]))
  for (const [index, work] of byStanding.entries()) {
    const { head, removed, isBranch } = standings.get(index) ?? { head: 0, removed: false, isBranch: false }
    if (isBranch) remember(branches, nameOf(work.group))
    const { ifExists, ifNext, entries } = work.group
    if (removed) work.outcome = { kind: 'removed' }
    else if (ifExists === true && !standings.has(index)) work.outcome = { kind: 'missing' }
    else if (ifNext !== undefined && ifNext !== head + 1) stale.set(work, head + 1)
    else if (entries.length === 0) work.wasAppended(head, 0)
  }
  await lookUpKeys(connection, statements, works.filter(isOpen))
  for (const work of works) work.decide(stale.get(work))
}

async function lookUpKeys(
  connection: SqlConnection,
  statements: LogStatements,
  works: readonly GroupWork[],
): Promise<void> {
  const asked = works.flatMap((work) =>
    work.fresh.flatMap((entry) => (entry.key === undefined ? [] : [{ work, entry, key: entry.key }])),
  )
  if (asked.length === 0) return
  const rows = await connection.query({
    ...statements.stored,
    values: [
      textArray(asked.map(({ work }) => work.group.tenant)),
      textArray(asked.map(({ work }) => work.group.stream)),
      textArray(asked.map(({ key }) => key)),
      textArray(asked.map(({ entry }) => escapeForJsonb(entry.json))),
    ],
  })
  for (const [place, seq, at, data, sameData] of rows) {
    const found = asked[Number(place) - 1]
    const stored = { json: unescapeFromJsonb(String(data)) }
    found?.work.isStored(found.entry, { seq: Number(seq), at: Number(at), stored }, sameData === true)
  }
}

/** Any order that all processes share keeps batches from waiting for each other in a circle. */
function inStreamOrder(works: readonly GroupWork[]): GroupWork[] {
  const named = works.map((work) => ({ work, name: nameOf(work.group) }))
  if (named.length > 1) named.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return named.map(({ work }) => work)
}

const keysOf = (works: readonly GroupWork[]) => [
  textArray(works.map(({ group }) => group.tenant)),
  textArray(works.map(({ group }) => group.stream)),
]

const nameOf = ({ tenant, stream }: AppendGroup): string => `${tenant}\0${stream}`

const isOpen = ({ outcome }: GroupWork): boolean => outcome === undefined

const isKeyedAndFenced = ({ group }: GroupWork): boolean =>
  group.ifNext !== undefined && group.entries.some(({ key }) => key !== undefined)

interface Standing {
  readonly head: number
  readonly removed: boolean
  readonly isBranch: boolean
}

function standingOf([, head, , , removed, isBranch]: SqlRow): Standing {
  return { head: Number(head), removed: removed === true, isBranch: isBranch === true }
}

function remember(branches: Set<string>, name: string): void {
  if (branches.size >= maxKnownBranches) branches.clear()
  branches.add(name)
}

function outcomeOf({ outcome }: GroupWork): AppendOutcome {
  if (outcome === undefined) throw new HoldfastError('INTERNAL', 'An append was not answered')
  return outcome
}

function conflict(): HoldfastError {
  return new HoldfastError('ABORTED', 'Another writer appended to the same stream: run the transaction again', {
    reason: 'TRANSACTION_CONFLICT',
  })
}

function contended(works: readonly GroupWork[]): HoldfastError {
  return new HoldfastError('ABORTED', `Too many writers append to ${namesOf(works)} with the same keys: retry later`, {
    reason: 'CONTENTION',
  })
}

/** The next number of a stream is taken by an entry. */
function contradiction(works: readonly GroupWork[], cause: HoldfastError): HoldfastError {
  return new HoldfastError(
    'DATA_LOSS',
    `Nothing can be appended to ${namesOf(works)}: entries and head contradict each other, restore the log from a backup`,
    { cause, reason: 'STREAM_INCONSISTENT' },
  )
}

function namesOf(works: readonly GroupWork[]): string {
  const names = works.slice(0, 3).map(({ group }) => group.stream)
  return works.length > names.length ? `${names.join(', ')} and ${works.length - names.length} more` : names.join(', ')
}
