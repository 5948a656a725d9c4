import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore, Entry, Log } from '@holdfast/persistence'
import { systemTenant } from '../auth/tenant-name.js'
import type { Logger } from '../logs.js'
import { type AuditEvent, type AuditRecord, hashOfEntry } from './audit-entry.js'

export interface AuditLogOptions {
  /** With it entries are HMACs. The same for all processes and for `verify`; keep it where the database is not. */
  readonly key?: string | undefined
  readonly logger?: Logger | undefined
}

const stream = 'audit'
/** Events that wait while the store does not answer; more are counted and told as one. */
const mostWaiting = 10_000
const perAppend = 500
const maxAttempts = 50
const pageSize = 1000

interface Waiting {
  readonly event: AuditEvent
  readonly written: () => void
  readonly failed: (error: unknown) => void
}

/** The security-relevant events of all processes on one store: one stream that is only appended to, each entry with the hash of the one before.
 *  See docs/decisions/0070-what-is-audited.md. */
export class AuditLog {
  readonly #log: Log<AuditRecord>
  readonly #key: string | undefined
  readonly #logger: Logger | undefined
  #waiting: Waiting[] = []
  #skipped = 0
  #isWriting = false
  #writing: Promise<void> = Promise.resolve()
  #head: { readonly seq: number; readonly hash: string } | undefined

  constructor(store: DocumentStore, { key, logger }: AuditLogOptions = {}) {
    this.#log = store.tenant(systemTenant).log<AuditRecord>('audit')
    this.#key = key
    this.#logger = logger
  }

  /** Resolves when it is durable. @throws what the store throws, after which it was told to the logger instead */
  record(event: Omit<AuditEvent, 'at'>): Promise<void> {
    if (this.#waiting.length >= mostWaiting) {
      this.#skipped += 1
      return Promise.resolve()
    }
    return new Promise((written, failed) => {
      this.#waiting.push({ event: { at: Date.now(), ...event }, written, failed })
      if (this.#isWriting) return
      this.#isWriting = true
      this.#writing = this.#write()
    })
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#isWriting) await this.#writing
  }

  /** Oldest first. @param after the number of the last one that is known */
  async *entries(after = 0): AsyncGenerator<Entry<AuditRecord>, void, undefined> {
    for (let last = after; ;) {
      const page = await this.#log.read(stream, { after: last, limit: pageSize })
      yield* page
      const end = page.at(-1)
      if (end === undefined || page.length < pageSize) return
      last = end.seq
    }
  }

  /** The number of the last entry that was ever written. */
  async last(): Promise<number> {
    return (await this.#log.head(stream)).next - 1
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, perAppend)
      const skipped = this.#skipped
      this.#skipped = 0
      try {
        const events = batch.map(({ event }) => event)
        await this.#append(skipped === 0 ? events : [...events, skippedEvent(skipped)])
        for (const { written } of batch) written()
      } catch (err) {
        this.#skipped += skipped
        // The log of the process is the next best place.
        for (const { event, failed } of batch) {
          this.#logger?.error({ err, audit: event }, 'An event for the audit log could not be stored')
          failed(err)
        }
      }
    }
    // At once, before any of those who were answered asks again.
    this.#isWriting = false
  }

  async #append(events: readonly AuditEvent[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const head = this.#head ?? (await this.#readHead())
      let { seq, hash: previous } = head
      const entries = events.map((event) => {
        seq += 1
        const record = { ...event, previous }
        previous = hashOfEntry(seq, record, this.#key)
        return { data: { ...record, hash: previous } }
      })
      try {
        // Of several processes that write at once one is first, and the others begin behind it.
        await this.#log.append(stream, entries, { ifNext: head.seq + 1 })
        this.#head = { seq, hash: previous }
        return
      } catch (error) {
        this.#head = undefined
        if (!(error instanceof HoldfastError) || error.code !== 'ABORTED' || attempt >= maxAttempts) throw error
      }
    }
  }

  async #readHead(): Promise<{ readonly seq: number; readonly hash: string }> {
    const [last] = await this.#log.read(stream, { limit: 1, reverse: true })
    return last === undefined ? { seq: await this.last(), hash: '' } : { seq: last.seq, hash: last.data.hash }
  }
}

function skippedEvent(count: number): AuditEvent {
  return {
    at: Date.now(),
    kind: 'skipped',
    action: 'events that could not be written',
    outcome: 'RESOURCE_EXHAUSTED',
    count,
  }
}
