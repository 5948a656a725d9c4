import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { AppendGroup, AppendOutcome, LogOperations, StreamHead, StreamKey } from './backend.js'
import { Coalescer } from './coalescer.js'
import { retryConflicts } from './conflict-retry.js'
import type { LogHub } from './log-hub.js'

/** What all tenants of one log in this process share: the lanes in which their concurrent calls become one round trip. */
export class LogLanes {
  readonly hub: LogHub
  readonly #append: Coalescer<AppendGroup, AppendOutcome>
  readonly #heads: Coalescer<StreamKey, StreamHead>

  /** @param worthATrip waiting appends that are worth a second round trip, see the coalescer */
  constructor(log: string, operations: LogOperations, hub: LogHub, worthATrip?: number) {
    this.hub = hub
    this.#append = new Coalescer<AppendGroup, AppendOutcome>({
      run: (calls) => appendTogether(log, operations, calls),
      gatekeeper: inOrderOfStreams,
      nameOf,
      worthATrip,
      weigh: ({ entries }) => entries.reduce((bytes, { json }) => bytes + json.length, 0),
    })
    this.#heads = new Coalescer<StreamKey, StreamHead>({ run: (keys) => operations.heads(log, keys) })
  }

  append(call: AppendGroup): Promise<AppendOutcome> {
    return this.#append.submit(call)
  }

  head(key: StreamKey): Promise<StreamHead> {
    return this.#heads.submit(key)
  }

  async drain(): Promise<void> {
    await Promise.all([this.#append.drain(), this.#heads.drain()])
  }
}

interface StreamInBatch {
  /** Nothing more may join: a call on the stream was refused, or the batch has one that must stand alone. */
  closed: boolean
  readonly first: AppendGroup
  /** Made when a second call comes, which is rare. */
  keys: Set<string> | undefined
}

/** Calls on one stream join a batch in their order as long as they can be one group: without an expected number, with the same
 *  condition, with different keys. The first that cannot keeps all later ones of its stream for the next batch. */
function inOrderOfStreams(): (call: AppendGroup) => boolean {
  const streams = new Map<string, StreamInBatch>()
  return (call) => {
    const name = nameOf(call)
    const known = streams.get(name)
    if (known === undefined) {
      streams.set(name, { closed: call.ifNext !== undefined, first: call, keys: undefined })
      return true
    }
    known.keys ??= new Set(keysOf(known.first))
    const { keys } = known
    const fits = call.ifNext === undefined && (call.ifExists ?? false) === (known.first.ifExists ?? false)
    known.closed ||= !fits || keysOf(call).some((key) => keys.has(key))
    if (known.closed) return false
    for (const key of keysOf(call)) keys.add(key)
    return true
  }
}

function keysOf({ entries }: AppendGroup): string[] {
  return entries.flatMap(({ key }) => (key === undefined ? [] : [key]))
}

type Members = [AppendGroup, ...AppendGroup[]]

/** Calls on the same stream go as one group, and get their parts of its answer. */
async function appendTogether(
  log: string,
  operations: LogOperations,
  calls: readonly AppendGroup[],
): Promise<(AppendOutcome | HoldfastError)[]> {
  const groups = groupsOf(calls)
  const outcomes = await operations.append(log, groups.map(mergedCall))
  const answers = new Map<AppendGroup, AppendOutcome | HoldfastError>()
  for (const [index, members] of groups.entries()) {
    const outcome =
      outcomes[index] ?? new HoldfastError('INTERNAL', `An append to ${members[0].stream} was not answered`)
    // Nothing of a group is appended when one key is taken; each member must get its own verdict.
    if (outcome instanceof HoldfastError || outcome.kind !== 'conflict' || members.length === 1) {
      share(members, outcome, answers)
    } else {
      for (const call of members) answers.set(call, await appendAlone(log, operations, call))
    }
  }
  return calls.flatMap((call) => answers.get(call) ?? [])
}

/** An answer also when it fails, because others of the batch have been appended. */
async function appendAlone(
  log: string,
  operations: LogOperations,
  call: AppendGroup,
): Promise<AppendOutcome | HoldfastError> {
  try {
    const [outcome] = await retryConflicts(() => operations.append(log, [call]))
    return outcome ?? new HoldfastError('INTERNAL', `An append to ${call.stream} was not answered`)
  } catch (error) {
    return asHoldfastError(error, `An append to ${call.stream}`)
  }
}

function groupsOf(calls: readonly AppendGroup[]): Members[] {
  const groups = new Map<string, Members>()
  for (const call of calls) {
    const name = nameOf(call)
    const known = groups.get(name)
    if (known === undefined) groups.set(name, [call])
    else known.push(call)
  }
  return [...groups.values()]
}

function mergedCall(members: Members): AppendGroup {
  const [first] = members
  return members.length === 1 ? first : { ...first, entries: members.flatMap(({ entries }) => entries) }
}

function share(
  members: Members,
  outcome: AppendOutcome | HoldfastError,
  answers: Map<AppendGroup, AppendOutcome | HoldfastError>,
): void {
  if (outcome instanceof HoldfastError || outcome.kind !== 'appended' || members.length === 1) {
    for (const call of members) answers.set(call, outcome)
    return
  }
  const { isHeld } = outcome
  let from = 0
  for (const call of members) {
    const entries = outcome.entries.slice(from, from + call.entries.length)
    answers.set(call, isHeld === undefined ? { kind: 'appended', entries } : { kind: 'appended', entries, isHeld })
    from += call.entries.length
  }
}

const nameOf = ({ tenant, stream }: StreamKey): string => `${tenant}\0${stream}`
