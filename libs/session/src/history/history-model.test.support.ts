/** What decision 0023 adds to the cache protocol, as a state machine for one conversation within one trusted epoch (epochs are explored in
 *  cache/protocol-model.test.support.ts): two writers append a message each, a third edits an older one, two readers read twice, in every
 *  order of their steps, with crashes after a commit, an eviction, and takeovers of leases. */

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
}

export const allHistoryGuards: HistoryGuards = {
  extendsInPlace: true,
  gapForgets: true,
  writesDoNotCreate: true,
  appendEndsLease: true,
  editForgets: true,
  fillNeedsLease: true,
  refusedFillForgets: true,
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
  /** Of each: 0 to be done, otherwise what it committed (the number of its message), -1 done. The last is the editor. */
  writers: number[]
  readers: Reader[]
  crashes: number
  evictions: number
}

interface Reader {
  at: 'idle' | 'missed' | 'loaded'
  loaded: Content
  mustSee: Content
  seen: Content
  reads: number
}

type Violation = 'stale' | 'backwards' | 'gap'

const nothing: Content = { messages: 0, edits: 0 }
const readsOfEach = 2

export function exploreHistories(
  guards: HistoryGuards,
  faults: { readonly crashes: number; readonly evictions: number },
): { readonly states: number; readonly violation: Violation | undefined } {
  const reader = (): Reader => ({ at: 'idle', loaded: nothing, mustSee: nothing, seen: nothing, reads: 0 })
  const start: State = {
    database: nothing,
    acknowledged: nothing,
    entry: undefined,
    lease: 0,
    writers: [0, 0, 0],
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
  for (const [index, writer] of state.writers.entries()) {
    const isEditor = index === 2
    if (writer === 0) {
      take((copy) => {
        const { messages, edits } = copy.database
        const place = isEditor ? 1 : messages === 0 ? 1 : 2
        copy.database = isEditor ? { messages, edits: edits + 1 } : { messages: messages | place, edits }
        copy.writers[index] = place
      })
    } else if (writer > 0) {
      take((copy) => {
        if (isEditor) tellEdit(copy, guards)
        else tellAppend(copy, writer, guards)
        const { messages, edits } = copy.acknowledged
        copy.acknowledged = isEditor ? { messages, edits: edits + 1 } : { messages: messages | writer, edits }
        copy.writers[index] = -1
      })
      if (state.crashes > 0) {
        take((copy) => {
          copy.crashes -= 1
          copy.writers[index] = -1
        })
      }
    }
  }
  for (const [index, reader] of state.readers.entries()) readerSteps(guards, index, reader, take)
  return steps
}

/** Contents are never changed in place. */
function copyOf(state: State): State {
  return { ...state, writers: [...state.writers], readers: state.readers.map((reader) => ({ ...reader })) }
}

/** What a reader that is done has seen makes no difference any more. */
function nameOf({ database, acknowledged, entry, lease, writers, readers, crashes, evictions }: State): string {
  const of = ({ messages, edits }: Content): string => `${messages}.${edits}`
  const ofReaders = readers.map(({ at, loaded, mustSee, seen, reads }) =>
    reads >= readsOfEach ? 'done' : `${at}${of(loaded)}${of(mustSee)}${of(seen)}${reads}`,
  )
  const ofEntry = entry === undefined ? '-' : of(entry)
  return [of(database), of(acknowledged), ofEntry, lease, ...writers, ...ofReaders, crashes, evictions].join('|')
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
  if (reader.at === 'idle' && reader.reads < readsOfEach) {
    take((copy) => {
      own(copy).mustSee = copy.acknowledged
      if (copy.entry !== undefined) return answer(own(copy), copy.entry)
      // With a lease that somebody else holds: it is taken over.
      copy.lease = index + 1
      own(copy).at = 'missed'
      return undefined
    })
  } else if (reader.at === 'missed') {
    take((copy) => void Object.assign(own(copy), { at: 'loaded', loaded: copy.database }))
  } else if (reader.at === 'loaded') {
    take((copy) => {
      const { loaded } = own(copy)
      if (!guards.fillNeedsLease || (copy.lease === index + 1 && copy.entry === undefined)) {
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
  Object.assign(reader, { at: 'idle', loaded: nothing, mustSee: nothing, reads: reader.reads + 1, seen: content })
  if (content.messages === 2) return 'gap'
  if (lacks(content, mustSee)) return 'stale'
  return lacks(content, seen) ? 'backwards' : undefined
}

function lacks(content: Content, what: Content): boolean {
  return (what.messages & ~content.messages) !== 0 || content.edits < what.edits
}
