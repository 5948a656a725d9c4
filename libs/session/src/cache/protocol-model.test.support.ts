/** The cache protocol of docs/decisions/0017-cache-protocol.md as a state machine for one key, and an exploration of everything that
 *  can happen to it: two writers that write once, two readers that read twice, in every order of their steps, with a crash, lost
 *  replies, delayed commands, an eviction and a reader that cannot reach the cache for a while.
 *
 *  Versions stand for values. Time appears as two rules: trust in an epoch ends at any moment (`trust ends`), and what waits for
 *  L has to wait until everybody's older trust has ended.
 *
 *  One file, long as it is: the steps can only be judged beside the state that they share. */

/** What keeps the protocol right. A model with one of them left out must be found to fail. */
export interface Guards {
  /** An entry is only replaced by a higher version. */
  readonly onlyForward: boolean
  /** A write changes an entry that is there and does not make one: what was evicted forgot its version. */
  readonly writesDoNotCreate: boolean
  /** A fill lands only while the lease of its miss is there. */
  readonly fillNeedsLease: boolean
  /** A write takes away the lease of a fill that is under way. */
  readonly writeEndsLease: boolean
  /** Who does not wait for a lease any longer takes it over before it reads the database. */
  readonly takeOverBeforeReading: boolean
  /** A fill that is refused ends the lease of others and raises an older entry, before its reader answers. */
  readonly refusedFillSettles: boolean
  /** A reader that filled answers only if it trusts the epoch still; otherwise it begins again. */
  readonly fillChecksTrust: boolean
  /** A write whose change of the cache was not confirmed closes the epoch. */
  readonly unconfirmedCloses: boolean
  /** It answers only when nobody can trust the closed epoch any more. */
  readonly waitsForTrustToEnd: boolean
  /** A new epoch opens only when nobody can trust an older one. */
  readonly opensAfterTrustEnded: boolean
  /** After its commit a writer that relies on the closed epoch makes sure that it is closed still. */
  readonly checksClosedAfterCommit: boolean
  /** After its commit a writer makes sure that the epoch it trusts is trusted still. */
  readonly checksTrustAfterCommit: boolean
  /** An epoch is that of one server: another one in its place, which may hold a copy that is behind, is not used under it. */
  readonly epochsNameTheServer: boolean
  /** What a process read from the database beside the cache it does not contradict later from the cache. */
  readonly remembersDirectReads: boolean
}

export const allGuards: Guards = {
  onlyForward: true,
  writesDoNotCreate: true,
  fillNeedsLease: true,
  writeEndsLease: true,
  takeOverBeforeReading: true,
  refusedFillSettles: true,
  fillChecksTrust: true,
  unconfirmedCloses: true,
  waitsForTrustToEnd: true,
  opensAfterTrustEnded: true,
  checksClosedAfterCommit: true,
  checksTrustAfterCommit: true,
  epochsNameTheServer: true,
  remembersDirectReads: true,
}

interface Entry {
  /** 0: none, perhaps with a lease. */
  version: number
  /** The reader (from 1) that may fill; 0: nobody. */
  lease: number
}

interface Writer {
  at: 'idle' | 'committed' | 'closing' | 'closed' | 'done'
  /** The epoch that it trusts; 0: none. */
  trust: number
  version: number
  /** The epoch that it has closed, as far as it knows. */
  closed: number
}

interface Reader {
  at: 'idle' | 'missed' | 'loaded' | 'away'
  trust: number
  /** Of the read under way. */
  epoch: number
  loaded: number
  mustSee: number
  seen: number
  /** The highest version that it read beside the cache. */
  beside: number
  /** Reads that it has not begun. */
  left: number
}

interface State {
  database: number
  epoch: number
  open: boolean
  acknowledged: number
  entries: Entry[]
  /** Changes of the cache that will be carried out some time or never. */
  delayed: { epoch: number; version: number }[]
  writers: Writer[]
  readers: Reader[]
  crashes: number
  losses: number
  evictions: number
  outages: number
  /** Early refreshes: a reader that hit loads the entry anew in the background. */
  refreshes: number
  /** Another server takes the place of the one that was there, with a copy that is behind. */
  failovers: number
  /** The epoch of the server that is no more. */
  replaced: number
}

export interface Violation {
  readonly kind: 'stale' | 'backwards'
  readonly trace: readonly string[]
}

export interface Exploration {
  readonly states: number
  readonly violation: Violation | undefined
}

const maxEpochs = 3

/** @param reads of each reader
 *  Breadth first, so that the trace of a violation is a shortest one. */
export function explore(
  guards: Guards,
  faults: Partial<Pick<State, 'crashes' | 'losses' | 'evictions' | 'outages' | 'refreshes' | 'failovers'>> = {},
  reads: readonly [number, number] = [2, 2],
): Exploration {
  const start: State = {
    database: 1,
    epoch: 1,
    open: true,
    acknowledged: 1,
    entries: Array.from({ length: maxEpochs + 1 }, () => ({ version: 0, lease: 0 })),
    delayed: [],
    writers: [1, 2].map(() => ({ at: 'idle', trust: 0, version: 0, closed: 0 })),
    readers: reads.map((left) => ({
      at: 'idle',
      trust: 0,
      epoch: 0,
      loaded: 0,
      mustSee: 0,
      seen: 0,
      beside: 0,
      left,
    })),
    crashes: faults.crashes ?? 1,
    losses: faults.losses ?? 1,
    evictions: faults.evictions ?? 1,
    outages: faults.outages ?? 1,
    refreshes: faults.refreshes ?? 0,
    failovers: faults.failovers ?? 0,
    replaced: 0,
  }
  const cameFrom = new Map<string, { from: string; step: string } | undefined>([[keyOf(start), undefined]])
  let frontier: [string, State][] = [[keyOf(start), start]]
  const traceOf = (key: string, last: string): string[] => {
    const steps = [last]
    for (let at = cameFrom.get(key); at !== undefined; at = cameFrom.get(at.from)) steps.unshift(at.step)
    return steps
  }
  while (frontier.length > 0) {
    const next: [string, State][] = []
    for (const [key, from] of frontier) {
      for (const { step, state, violates } of steps(from, guards)) {
        if (violates !== undefined) {
          return { states: cameFrom.size, violation: { kind: violates, trace: traceOf(key, step) } }
        }
        const reached = keyOf(state)
        if (cameFrom.has(reached)) continue
        cameFrom.set(reached, { from: key, step })
        next.push([reached, state])
      }
    }
    frontier = next
  }
  return { states: cameFrom.size, violation: undefined }
}

/** Two states of the same key have the same future: which writer or reader is the first makes no difference, nor what nobody can get at
 *  any more. */
function keyOf(state: State): string {
  const { writers, readers, entries } = state
  const isReached = (epoch: number) =>
    epoch === state.epoch ||
    writers.some(({ trust }) => trust === epoch) ||
    readers.some((reader) => reader.trust === epoch || reader.epoch === epoch)
  const ofWriters = writers
    .map(({ at, trust, version, closed }) => (at === 'done' ? 'done' : `${at}${trust}${version}${closed}`))
    .sort()
  const ofReader = ({ at, trust, epoch, loaded, mustSee, seen, beside, left }: Reader) =>
    at === 'idle' && left === 0 ? 'done' : `${at}${trust}${epoch}${loaded}${mustSee}${seen}${beside}${left}`
  const leases = (swap: boolean) =>
    entries.map(({ version, lease }, epoch) =>
      isReached(epoch) ? `${version}${swap && lease !== 0 ? 3 - lease : lease}` : '00',
    )
  const [one = '', two = ''] = readers.map(ofReader)
  const swap = two < one
  const rest = [
    state.database,
    state.epoch,
    state.open ? 'o' : 'c',
    state.acknowledged,
    state.crashes,
    state.losses,
    state.evictions,
    state.outages,
    state.refreshes,
    state.failovers,
    state.replaced,
    ...state.delayed.filter(({ epoch }) => isReached(epoch)).map(({ epoch, version }) => `${epoch}:${version}`),
  ]
  // Equal readers may still differ in who holds a lease.
  const plain = leases(false).join()
  const swapped = leases(true).join()
  const held = swap || (one === two && swapped < plain) ? swapped : plain
  return [...ofWriters, ...(swap ? [two, one] : [one, two]), held, ...rest].join('|')
}

interface Step {
  readonly step: string
  readonly state: State
  readonly violates?: 'stale' | 'backwards'
}

function steps(state: State, guards: Guards): Step[] {
  const found: Step[] = []
  /** One atomic step on a copy. */
  const take = (step: string, change: (copy: State) => 'stale' | 'backwards' | undefined | void) => {
    const copy = structuredCloneOf(state)
    const violates = change(copy)
    found.push(violates === undefined ? { step, state: copy } : { step, state: copy, violates })
  }
  environment(state, guards, take)
  for (const [index, writer] of state.writers.entries()) writerSteps(state, guards, index, writer, take)
  for (const [index, reader] of state.readers.entries()) readerSteps(state, guards, index, reader, take)
  return found
}

type Take = (step: string, change: (copy: State) => 'stale' | 'backwards' | undefined | void) => void

function environment(state: State, guards: Guards, take: Take): void {
  if (!state.open && (!guards.opensAfterTrustEnded || !somebodyTrustsBefore(state, state.epoch))) {
    take('the epoch opens', (copy) => void (copy.open = true))
  }
  for (const [index, { epoch, version }] of state.delayed.entries()) {
    take(`a delayed change to version ${version} is carried out`, (copy) => {
      copy.delayed.splice(index, 1)
      change(copy.entries[epoch], version, guards)
    })
  }
  if (state.evictions > 0) {
    for (const [epoch, { version, lease }] of state.entries.entries()) {
      if (version === 0 && lease === 0) continue
      take('the entry is evicted', (copy) => {
        copy.evictions -= 1
        copy.entries[epoch] = { version: 0, lease: 0 }
      })
    }
  }
  if (state.failovers > 0) {
    for (const [epoch, { version }] of state.entries.entries()) {
      for (let behind = 0; behind < version; behind += 1) {
        take(`another server has version ${behind}`, (copy) => {
          copy.failovers -= 1
          copy.entries[epoch] = { version: behind, lease: 0 }
          if (!guards.epochsNameTheServer) return
          copy.replaced = copy.epoch
          for (const own of [...copy.writers, ...copy.readers]) own.trust = 0
        })
      }
    }
  }
  if (state.replaced === state.epoch && state.epoch < maxEpochs) {
    take('somebody sees another server and closes the epoch', close)
  }
  if (state.refreshes > 0) {
    for (const epoch of new Set(state.readers.map(({ trust }) => trust))) {
      if ((state.entries[epoch]?.version ?? 0) === 0) continue
      take(`an early refresh reads version ${state.database}`, (copy) => {
        copy.refreshes -= 1
        copy.delayed.push({ epoch, version: copy.database })
      })
    }
  }
  for (const [index, { trust }] of state.writers.entries()) {
    if (trust !== 0) take(`trust of writer ${index + 1} ends`, (copy) => void (writerOf(copy, index).trust = 0))
  }
  for (const [index, { trust }] of state.readers.entries()) {
    if (trust !== 0) take(`trust of reader ${index + 1} ends`, (copy) => void (readerOf(copy, index).trust = 0))
  }
}

function writerSteps(state: State, guards: Guards, index: number, writer: Writer, take: Take): void {
  const name = `writer ${index + 1}`
  const mayTrust =
    isTrustworthy(state) &&
    writer.trust === 0 &&
    writer.closed === 0 &&
    (writer.at === 'idle' || writer.at === 'committed')
  if (mayTrust) take(`${name} reads the epoch`, (copy) => void (writerOf(copy, index).trust = copy.epoch))
  // A writer that cannot reach the cache closes the epoch, before or after its commit.
  if (
    (writer.at === 'idle' || writer.at === 'closing') &&
    writer.closed === 0 &&
    state.epoch < maxEpochs &&
    (writer.at === 'closing' || state.losses > 0)
  ) {
    take(`${name} cannot reach the cache and closes the epoch`, (copy) => {
      const own = writerOf(copy, index)
      if (own.at === 'idle') copy.losses -= 1
      else own.at = 'closed'
      close(copy)
      own.closed = copy.epoch
      own.trust = 0
    })
  }
  if (writer.at === 'idle') {
    take(`${name} commits`, (copy) => {
      const own = writerOf(copy, index)
      copy.database += 1
      own.version = copy.database
      own.at = own.closed === 0 ? 'committed' : 'closed'
    })
  }
  if (writer.at === 'committed') {
    if (state.crashes > 0) {
      take(`${name} crashes after its commit`, (copy) => {
        copy.crashes -= 1
        writerOf(copy, index).at = 'done'
      })
    }
    // Without the check it goes on with the epoch that it read before the commit, whatever happened to it.
    const epoch = guards.checksTrustAfterCommit ? writer.trust : writer.trust || 1
    if (epoch !== 0) {
      take(`${name} changes the cache and answers`, (copy) => {
        change(copy.entries[epoch], writer.version, guards)
        acknowledge(copy, index)
      })
      if (state.losses > 0) {
        for (const carriedOut of ['now', 'later'] as const) {
          take(`${name} changes the cache, the reply is lost (carried out ${carriedOut} or never)`, (copy) => {
            copy.losses -= 1
            if (carriedOut === 'now') change(copy.entries[epoch], writer.version, guards)
            else copy.delayed.push({ epoch, version: writer.version })
            if (guards.unconfirmedCloses) writerOf(copy, index).at = 'closing'
            else acknowledge(copy, index)
          })
        }
      }
    }
  }
  if (writer.at === 'closed') {
    const isClosed = !state.open && state.epoch === writer.closed
    // Closed again by somebody else is as good.
    const relies = !guards.checksClosedAfterCommit || isClosed || (!state.open && state.epoch > writer.closed)
    if (relies) {
      if (!guards.waitsForTrustToEnd || !somebodyTrustsBefore(state, writer.closed)) {
        take(`${name} answers, the epoch being closed`, (copy) => acknowledge(copy, index))
      }
    } else if (state.epoch < maxEpochs) {
      take(`${name} closes the epoch again`, (copy) => {
        close(copy)
        writerOf(copy, index).closed = copy.epoch
      })
    }
  }
}

function readerSteps(state: State, guards: Guards, index: number, reader: Reader, take: Take): void {
  const name = `reader ${index + 1}`
  if (reader.at === 'idle') {
    if (isTrustworthy(state) && reader.trust === 0 && reader.left > 0) {
      take(`${name} reads the epoch`, (copy) => void (readerOf(copy, index).trust = copy.epoch))
    }
    if (reader.left === 0) return
    if (reader.trust === 0) {
      take(`${name} reads version ${state.database} from the database, trusting no epoch`, (copy) => {
        const own = readerOf(copy, index)
        Object.assign(own, { mustSee: copy.acknowledged, beside: copy.database })
        return answer(own, copy.database)
      })
    }
    if (state.outages > 0) {
      take(`${name} cannot reach the cache and reads the database`, (copy) => {
        copy.outages -= 1
        const own = readerOf(copy, index)
        Object.assign(own, { mustSee: copy.acknowledged, beside: copy.database })
        return answer(own, copy.database)
      })
    }
    if (reader.trust !== 0) {
      const entry = state.entries[reader.trust]
      if (entry === undefined) return
      if (entry.version !== 0 && guards.remembersDirectReads && entry.version < reader.beside) {
        take(`${name} hits version ${entry.version}, knows of a newer one and reads the database`, (copy) => {
          Object.assign(readerOf(copy, index), { at: 'missed', epoch: reader.trust, mustSee: copy.acknowledged })
        })
        return
      }
      if (entry.version !== 0) {
        take(`${name} hits version ${entry.version}`, (copy) => {
          const own = readerOf(copy, index)
          own.mustSee = copy.acknowledged
          return answer(own, entry.version)
        })
        return
      }
      if (entry.lease === 0 || guards.takeOverBeforeReading) {
        take(`${name} misses and takes ${entry.lease === 0 ? 'the' : 'over the'} lease`, (copy) => {
          const own = readerOf(copy, index)
          Object.assign(own, { at: 'missed', epoch: reader.trust, mustSee: copy.acknowledged })
          const there = copy.entries[reader.trust]
          if (there !== undefined) there.lease = index + 1
        })
      } else {
        take(`${name} misses and reads the database beside the lease`, (copy) => {
          const own = readerOf(copy, index)
          own.mustSee = copy.acknowledged
          return answer(own, copy.database)
        })
      }
    }
    return
  }
  if (reader.at === 'missed') {
    take(`${name} reads version ${state.database} from the database`, (copy) => {
      Object.assign(readerOf(copy, index), { at: 'loaded', loaded: copy.database })
    })
    return
  }
  if (reader.at === 'loaded') {
    if (guards.fillChecksTrust && reader.trust !== reader.epoch) {
      take(`${name} trusts the epoch no longer and begins again`, (copy) => {
        Object.assign(readerOf(copy, index), { at: 'idle', epoch: 0, loaded: 0, mustSee: 0 })
      })
      return
    }
    take(`${name} fills version ${reader.loaded} and answers`, (copy) => {
      const own = readerOf(copy, index)
      const entry = copy.entries[reader.epoch]
      if (entry !== undefined) {
        const mayFill = guards.fillNeedsLease ? entry.lease === index + 1 : true
        const isForward = !guards.onlyForward || entry.version < reader.loaded
        if (mayFill && isForward) Object.assign(entry, { version: reader.loaded, lease: 0 })
        else if (!mayFill && guards.refusedFillSettles) change(entry, reader.loaded, guards)
      }
      Object.assign(own, { at: 'idle', epoch: 0, loaded: 0 })
      return answer(own, reader.loaded)
    })
  }
}

/** What a write does to an entry. */
function change(entry: Entry | undefined, version: number, guards: Guards): void {
  if (entry === undefined) return
  if (guards.writeEndsLease) entry.lease = 0
  if (entry.version === 0 && guards.writesDoNotCreate) return
  if (guards.onlyForward && entry.version >= version) return
  entry.version = version
}

function isTrustworthy({ open, epoch, replaced }: State): boolean {
  return open && epoch !== replaced
}

function close(state: State): void {
  state.epoch += 1
  state.open = false
}

function somebodyTrustsBefore({ writers, readers }: State, epoch: number): boolean {
  return [...writers, ...readers].some(({ trust }) => trust !== 0 && trust < epoch)
}

function acknowledge(state: State, index: number): void {
  const writer = writerOf(state, index)
  writer.at = 'done'
  state.acknowledged = Math.max(state.acknowledged, writer.version)
}

function answer(reader: Reader, version: number): 'stale' | 'backwards' | undefined {
  const { mustSee, seen } = reader
  Object.assign(reader, { left: reader.left - 1, seen: Math.max(seen, version), mustSee: 0 })
  if (version < mustSee) return 'stale'
  return version < seen ? 'backwards' : undefined
}

function writerOf(state: State, index: number): Writer {
  const writer = state.writers[index]
  if (writer === undefined) throw new Error(`There is no writer ${index}`)
  return writer
}

function readerOf(state: State, index: number): Reader {
  const reader = state.readers[index]
  if (reader === undefined) throw new Error(`There is no reader ${index}`)
  return reader
}

function structuredCloneOf(state: State): State {
  return {
    ...state,
    entries: state.entries.map((entry) => ({ ...entry })),
    delayed: state.delayed.map((one) => ({ ...one })),
    writers: state.writers.map((writer) => ({ ...writer })),
    readers: state.readers.map((reader) => ({ ...reader })),
  }
}
