import type { Operation } from './history.js'

/** What a history shows of broken promises; all of it has to be 0. */
export interface Verdict {
  /** A read that began after a newer write of the key was acknowledged. */
  readonly stale_reads: number
  /** A process that saw a key older than it had seen it before. */
  readonly backwards: number
  /** An acknowledged write that the database does not have, or whose version another one has or had before. */
  readonly lost_writes: number
  /** A value that was read after its deletion was acknowledged or its lifetime was over. */
  readonly resurrected: number
  /** "Nothing there" where something has to be. */
  readonly errors_as_empty: number
  /** A value that nobody wrote, that was refused, or that has two versions. */
  readonly phantoms: number
}

export interface Finding {
  readonly kind: keyof Verdict
  readonly operation: Operation
  readonly because: string
}

/** By how much a lifetime, which the database counts, may seem longer to a client. */
const expirySlackUs = 150_000

/** @param history all calls of all processes
 *  @param stored what the database holds when all have ended: a read for each key */
export function check(
  history: readonly Operation[],
  stored: readonly Operation[],
): { readonly verdict: Verdict; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  const byKey = new Map<string, Operation[]>()
  for (const operation of history) {
    const operations = byKey.get(operation.key)
    if (operations === undefined) byKey.set(operation.key, [operation])
    else operations.push(operation)
  }
  const storedByKey = new Map(stored.map((read) => [read.key, read]))
  for (const [key, operations] of byKey) new KeyCheck(operations, storedByKey.get(key), findings).run()
  const verdict = { stale_reads: 0, backwards: 0, lost_writes: 0, resurrected: 0, errors_as_empty: 0, phantoms: 0 }
  for (const { kind } of findings) verdict[kind] += 1
  return { verdict, findings }
}

class KeyCheck {
  readonly #operations: readonly Operation[]
  readonly #stored: Operation | undefined
  readonly #findings: Finding[]
  readonly #writes = new Map<string, Operation>()
  readonly #versions = new Map<string, number>()
  /** Those that may have taken effect. */
  readonly #deletions: Operation[]
  /** By their ends, each with the newest of those that ended by then. */
  readonly #acknowledged: { readonly end: number; readonly newest: Operation; readonly version: number }[] = []

  constructor(operations: readonly Operation[], stored: Operation | undefined, findings: Finding[]) {
    this.#operations = operations
    this.#stored = stored
    this.#findings = findings
    this.#deletions = operations.filter(
      ({ kind, outcome, existed }) =>
        kind === 'delete' && (outcome === 'unknown' || (outcome === 'done' && existed === true)),
    )
  }

  run(): void {
    this.#readWrites()
    const reads = this.#operations.filter(
      ({ kind, outcome, existed }) =>
        outcome === 'done' && (kind === 'read' || (kind === 'delete' && existed === false)),
    )
    if (this.#stored !== undefined) reads.push(this.#stored)
    for (const read of reads) if (read.value !== undefined) this.#recognise(read)
    for (const read of reads) {
      if (read.value === undefined) this.#checkEmpty(read)
      else this.#checkValue(read)
    }
    this.#checkOrder(reads)
  }

  #readWrites(): void {
    const done = this.#operations.filter(({ kind, outcome }) => kind === 'write' && outcome === 'done')
    for (const write of this.#operations) {
      if (write.kind === 'write' && write.value !== undefined) this.#writes.set(write.value, write)
    }
    const byVersion = new Map<number, Operation>()
    for (const write of done) {
      const { value, version } = write
      if (value === undefined || version === undefined) continue
      this.#versions.set(value, version)
      const other = byVersion.get(version)
      if (other === undefined) byVersion.set(version, write)
      else this.#find('lost_writes', write, `${other.value} has version ${version} too`)
    }
    for (const write of done.toSorted((a, b) => a.end - b.end)) {
      const version = write.version ?? 0
      const last = this.#acknowledged.at(-1)
      const isNewest = last === undefined || version > last.version
      this.#acknowledged.push({
        end: write.end,
        newest: isNewest ? write : last.newest,
        version: isNewest ? version : last.version,
      })
    }
    for (const write of done) {
      const before = this.#newestBefore(write.start)
      if (before !== undefined && (write.version ?? 0) <= before.version) {
        this.#find(
          'lost_writes',
          write,
          `${before.newest.value} was acknowledged before with version ${before.version}`,
        )
      }
    }
  }

  /** The newest write that was acknowledged before. */
  #newestBefore(time: number): { readonly newest: Operation; readonly version: number } | undefined {
    let from = 0
    let to = this.#acknowledged.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#acknowledged[middle]?.end ?? 0) < time) from = middle + 1
      else to = middle
    }
    return this.#acknowledged[from - 1]
  }

  #recognise(read: Operation): void {
    const value = read.value ?? ''
    const write = this.#writes.get(value)
    if (write === undefined) return this.#find('phantoms', read, 'nobody wrote it')
    if (write.outcome === 'refused') return this.#find('phantoms', read, 'its write was refused')
    if (read.start < write.start && read.end < write.start) this.#find('phantoms', read, 'it was not written yet')
    const known = this.#versions.get(value)
    if (read.version === undefined) return
    if (known === undefined) this.#versions.set(value, read.version)
    else if (known !== read.version) this.#find('phantoms', read, `it had version ${known}`)
  }

  #checkValue(read: Operation): void {
    const version = this.#versionOf(read)
    const before = this.#newestBefore(read.start)
    if (before !== undefined && version !== undefined && version < before.version) {
      const kind = read === this.#stored ? 'lost_writes' : 'stale_reads'
      this.#find(kind, read, `${before.newest.value} was acknowledged with version ${before.version}`)
    }
    const write = this.#writes.get(read.value ?? '')
    if (write === undefined) return
    if (write.outcome === 'done') {
      const deletion = this.#deletions.find(
        ({ outcome, start, end }) => outcome === 'done' && start > write.end && end < read.start,
      )
      if (deletion !== undefined) this.#find('resurrected', read, `it was deleted at ${deletion.start}`)
    }
    if (write.ttlMs !== undefined && write.outcome === 'done') {
      const over = write.end + write.ttlMs * 1_000 + expirySlackUs
      if (read.start > over) this.#find('resurrected', read, 'its lifetime was over')
    }
  }

  #checkEmpty(read: Operation): void {
    const before = this.#newestBefore(read.start)
    if (before === undefined || this.#mayBeGone(before.newest, before.version, read)) return
    const kind = read === this.#stored ? 'lost_writes' : 'errors_as_empty'
    this.#find(kind, read, `${before.newest.value} was acknowledged and nothing ended it`)
  }

  /** Whether something may have ended the value, or what came after it, before the read ended. */
  #mayBeGone(write: Operation, version: number, read: Operation): boolean {
    const deleted = this.#deletions.some(
      ({ outcome, start, end }) => start < read.end && (outcome === 'unknown' || end > write.start),
    )
    if (deleted) return true
    for (const [value, later] of this.#versions) {
      if (later < version) continue
      const { start, ttlMs } = this.#writes.get(value) ?? write
      if (ttlMs !== undefined && read.end > start + ttlMs * 1_000 - expirySlackUs) return true
    }
    // One of unknown outcome that nobody saw.
    for (const { outcome, kind, ttlMs, start } of this.#operations) {
      if (kind !== 'write' || outcome !== 'unknown' || ttlMs === undefined) continue
      if (read.end > start + ttlMs * 1_000 - expirySlackUs) return true
    }
    return false
  }

  /** What a process has seen it sees again, or something newer. */
  #checkOrder(reads: readonly Operation[]): void {
    for (const process of new Set(reads.map((read) => read.process))) {
      const own = reads.filter((read) => read.process === process)
      const values = own.filter(({ value }) => value !== undefined).toSorted((a, b) => a.end - b.end)
      let next = 0
      let highest: { readonly version: number; readonly write: Operation | undefined } | undefined
      for (const read of own.toSorted((a, b) => a.start - b.start)) {
        for (let one = values[next]; one !== undefined && one.end < read.start; one = values[next]) {
          const version = this.#versionOf(one)
          if (version !== undefined && version > (highest?.version ?? 0)) {
            highest = { version, write: this.#writes.get(one.value ?? '') }
          }
          next += 1
        }
        if (highest === undefined) continue
        const { version: seen, write } = highest
        if (read.value !== undefined) {
          const version = this.#versionOf(read)
          if (version !== undefined && version < seen) this.#find('backwards', read, `version ${seen} was seen before`)
        } else if (write !== undefined && !this.#mayBeGone(write, seen, read)) {
          this.#find('backwards', read, `version ${seen} was seen before and nothing ended it`)
        }
      }
    }
  }

  /** `undefined`: its write has an unknown outcome, and nobody was told its version. */
  #versionOf(read: Operation): number | undefined {
    return this.#versions.get(read.value ?? '') ?? read.version
  }

  #find(kind: keyof Verdict, operation: Operation, because: string): void {
    this.#findings.push({ kind, operation, because })
  }
}
