/** What decisions 0023 and 0057 add to the cache protocol, as a state machine for one conversation within one trusted epoch (epochs are explored in
 *  cache/protocol-model.test.support.ts): two writers append a message each, a third edits an older one, two readers read twice, in every
 *  order of their steps, with crashes after a commit, an eviction, takeovers of leases, and holds that run out. An append that finds the stream unheld
 *  tells the cache nothing; the statement with which a reader loads has a snapshot first and the lock under which it holds the stream later. */

export interface HistoryGuards {
  /** Only what follows on the last message that is held is appended to an entry. */
  readonly extendsInPlace: boolean
  /** An entry to which a message cannot be appended goes. */
  readonly gapForgets: boolean
  /** A change of the cache makes no entry. */
  readonly writesDoNotCreate: boolean
  /** An append ends the lease of a fill that is under way. */
  readonly appendEndsLease: boolean
  /** What is no append makes the entry and the lease go. */
  readonly editForgets: boolean
  /** A fill lands only while its lease is there. */
  readonly fillNeedsLease: boolean
  /** A fill that is refused makes the entry or lease go that is there in its place. */
  readonly refusedFillForgets: boolean
  /** A reader holds the stream before it fills. */
  readonly fillNeedsHold: boolean
  /** What was appended between a load's snapshot and its hold keeps it from filling. */
  readonly holdNeedsSnapshot: boolean
  /** A hold does not run out while somebody may fill, or an entry is there. */
  readonly holdOutlivesEntry: boolean
  /** An append whose reader holds the stream tells the cache. */
  readonly heldAppendTells: boolean
}

export const allHistoryGuards: HistoryGuards = {
  extendsInPlace: true,
  gapForgets: true,
  writesDoNotCreate: true,
  appendEndsLease: true,
  editForgets: true,
  fillNeedsLease: true,
  refusedFillForgets: true,
  fillNeedsHold: true,
  holdNeedsSnapshot: true,
  holdOutlivesEntry: true,
  heldAppendTells: true,
}

/** Which messages (a bit each) and how many edits. */
interface Content {
  readonly messages: number
  readonly edits: number
}

interface State {
  database: Content
  acknowledged: Content
  entry: Content | undefined
  /** The reader (from 1) that may fill; 0: nobody. */
  lease: number
  /** Somebody may keep a copy of the stream's end: in its row. */
  isHeld: boolean
  /** Of each: 0 to be done, otherwise what it committed (the number of its message), -1 done. The last is the editor. */
  writers: number[]
  /** Whether they found the stream held. */
  foundHeld: boolean[]
  readers: Reader[]
  crashes: number
  evictions: number
  expiries: number
}

interface Reader {
  at: 'idle' | 'missed' | 'loading' | 'loaded'
  mayFill: boolean
  loaded: Content
  mustSee: Content
  seen: Content
  left: number
}

type Violation = 'stale' | 'backwards' | 'gap'

const nothing: Content = { messages: 0, edits: 0 }

export function exploreHistories(
  guards: HistoryGuards,
  faults: { readonly crashes: number; readonly evictions: number; readonly expiries: number },
  readsOfEach = 2,
): { readonly states: number; readonly violation: Violation | undefined } {
  const reader = (): Reader => ({
    at: 'idle',
    mayFill: false,
    loaded: nothing,
    mustSee: nothing,
    seen: nothing,
    left: readsOfEach,
  })
  const start: State = {
    database: nothing,
    acknowledged: nothing,
    entry: undefined,
    lease: 0,
    isHeld: false,
    writers: [0, 0, 0],
    foundHeld: [false, false, false],
    readers: [reader(), reader()],
    ...faults,
  }
  const known = new Set([nameOf(start)])
  const open = [start]
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const { next, violation } of stepsFrom(state, guards)) {
      if (violation !== undefined) return { states: known.size, violation }
      const name = nameOf(next)
      if (known.has(name)) continue
      known.add(name)
      open.push(next)
    }
  }
  return { states: known.size, violation: undefined }
}

function stepsFrom(state: State, guards: HistoryGuards): { next: State; violation: Violation | undefined }[] {
  const steps: { next: State; violation: Violation | undefined }[] = []
  const take = (change: (copy: State) => Violation | undefined | void): void => {
    const next = copyOf(state)
    const violation = change(next) ?? undefined
    steps.push({ next, violation })
  }
  if (state.evictions > 0 && state.entry !== undefined) {
    take((copy) => {
      copy.evictions -= 1
      copy.entry = undefined
    })
  }
  if (state.expiries > 0 && state.isHeld && mayExpire(state, guards)) {
    take((copy) => {
      copy.expiries -= 1
      copy.isHeld = false
    })
  }
  for (const [index, writer] of state.writers.entries()) {
    const isEditor = index === 2
    if (writer === 0) {
      take((copy) => {
        const { messages, edits } = copy.database
        const place = isEditor ? 1 : messages === 0 ? 1 : 2
        copy.database = isEditor ? { messages, edits: edits + 1 } : { messages: messages | place, edits }
        copy.writers[index] = place
        copy.foundHeld[index] = copy.isHeld
      })
    } else if (writer > 0) {
      take((copy) => {
        if (isEditor) tellEdit(copy, guards)
        else if (copy.foundHeld[index] === true && guards.heldAppendTells) tellAppend(copy, writer, guards)
        const { messages, edits } = copy.acknowledged
        copy.acknowledged = isEditor ? { messages, edits: edits + 1 } : { messages: messages | writer, edits }
        copy.writers[index] = -1
        copy.foundHeld[index] = false
      })
      if (state.crashes > 0) {
        take((copy) => {
          copy.crashes -= 1
          copy.writers[index] = -1
          copy.foundHeld[index] = false
        })
      }
    }
  }
  for (const [index, reader] of state.readers.entries()) readerSteps(guards, index, reader, take)
  return steps
}

/** As time does not pass here: an entry and the lease that makes it are gone long before the hold is. */
function mayExpire({ entry, lease }: State, guards: HistoryGuards): boolean {
  return !guards.holdOutlivesEntry || (entry === undefined && lease === 0)
}

/** Contents are never changed in place. */
function copyOf(state: State): State {
  const { writers, foundHeld, readers } = state
  return {
    ...state,
    writers: [...writers],
    foundHeld: [...foundHeld],
    readers: readers.map((reader) => ({ ...reader })),
  }
}

/** What a reader that is done has seen makes no difference any more. */
function nameOf(state: State): string {
  const { database, acknowledged, entry, lease, isHeld, writers, foundHeld, readers } = state
  const of = ({ messages, edits }: Content): string => `${messages}.${edits}`
  const ofReaders = readers.map(({ at, mayFill, loaded, mustSee, seen, left }) =>
    left === 0 ? 'done' : `${at}${mayFill}${of(loaded)}${of(mustSee)}${of(seen)}${left}`,
  )
  const ofEntry = entry === undefined ? '-' : of(entry)
  const ofWriters = writers.map((writer, index) => `${writer}${String(foundHeld[index])}`)
  const faults = [state.crashes, state.evictions, state.expiries]
  return [of(database), of(acknowledged), ofEntry, lease, isHeld, ...ofWriters, ...ofReaders, ...faults].join('|')
}

function tellAppend(state: State, place: number, guards: HistoryGuards): void {
  if (guards.appendEndsLease) state.lease = 0
  const { entry } = state
  if (entry === undefined) {
    if (!guards.writesDoNotCreate) state.entry = { messages: place === 2 ? 3 : 1, edits: 0 }
    return
  }
  if ((entry.messages & place) !== 0) return
  const follows = entry.messages === place - 1
  if (follows || !guards.extendsInPlace) state.entry = { ...entry, messages: entry.messages | place }
  else if (guards.gapForgets) state.entry = undefined
}

function tellEdit(state: State, guards: HistoryGuards): void {
  if (!guards.editForgets) return
  state.entry = undefined
  state.lease = 0
}

function readerSteps(
  guards: HistoryGuards,
  index: number,
  reader: Reader,
  take: (change: (copy: State) => Violation | undefined | void) => void,
): void {
  const own = (copy: State): Reader => copy.readers[index] as Reader
  if (reader.at === 'idle' && reader.left > 0) {
    take((copy) => {
      own(copy).mustSee = copy.acknowledged
      if (copy.entry !== undefined) return answer(own(copy), copy.entry)
      // With a lease that somebody else holds: it is taken over.
      copy.lease = index + 1
      own(copy).at = 'missed'
      return undefined
    })
  } else if (reader.at === 'missed') {
    // A hold that is there covers what comes after the snapshot by itself, and nothing is locked.
    take((copy) => {
      const found = copy.isHeld ? ({ at: 'loaded', mayFill: true } as const) : ({ at: 'loading' } as const)
      Object.assign(own(copy), { ...found, loaded: copy.database })
    })
  } else if (reader.at === 'loading') {
    take((copy) => {
      const isOfSnapshot = copy.database.messages === own(copy).loaded.messages
      own(copy).at = 'loaded'
      own(copy).mayFill = isOfSnapshot || !guards.holdNeedsSnapshot
      if (guards.fillNeedsHold) copy.isHeld = true
    })
  } else if (reader.at === 'loaded') {
    take((copy) => {
      const { loaded, mayFill } = own(copy)
      if (mayFill && (!guards.fillNeedsLease || (copy.lease === index + 1 && copy.entry === undefined))) {
        copy.entry = loaded
        copy.lease = 0
      } else if (guards.refusedFillForgets) {
        copy.entry = undefined
        copy.lease = 0
      }
      return answer(own(copy), loaded)
    })
  }
}

function answer(reader: Reader, content: Content): Violation | undefined {
  const { mustSee, seen } = reader
  const left = reader.left - 1
  Object.assign(reader, { at: 'idle', mayFill: false, loaded: nothing, mustSee: nothing, left, seen: content })
  if (content.messages === 2) return 'gap'
  if (lacks(content, mustSee)) return 'stale'
  return lacks(content, seen) ? 'backwards' : undefined
}

function lacks(content: Content, what: Content): boolean {
  return (what.messages & ~content.messages) !== 0 || content.edits < what.edits
}
