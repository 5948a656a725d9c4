import type { HoldfastError } from '@holdfast/errors'
import type { Caller, Role } from '../caller.js'
import type { AuditEvent } from './audit-entry.js'
import type { AuditLog } from './audit-log.js'

/** A call that ended, as the audit looks at it. */
export interface EndedCall {
  readonly method: string
  /** The least role for the method. */
  readonly role: Role | undefined
  /** `undefined`: nobody was recognized. */
  readonly caller: Caller | undefined
  readonly error: HoldfastError | undefined
}

const minuteMs = 60_000
/** Kinds of denied calls that are told apart within a minute; the others of that minute are one kind. */
const mostKinds = 1000
/** What takes something away for good, or takes all of it out. */
const audited = /\/(Delete|Erase|Export|Restore|Import)/
const denials: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'PERMISSION_DENIED'])

interface Denied {
  readonly event: Omit<AuditEvent, 'at'>
  count: number
}

/** Decides which calls of a server are audited: those that only an admin may make, those that take something away, and those that were denied. Who reads
 *  and writes what it may is not in there, so that no such call waits for a second write. */
export class CallAudit {
  readonly #log: Pick<AuditLog, 'record'>
  readonly #denied = new Map<string, Denied>()
  #timer: NodeJS.Timeout | undefined

  constructor(log: Pick<AuditLog, 'record'>) {
    this.#log = log
  }

  /** `undefined`: the answer may go out; else when that resolves, which it does even if nothing could be stored. */
  ended({ method, role, caller, error }: EndedCall): Promise<void> | undefined {
    const denied = error !== undefined && (denials.has(error.code) || error.reason === 'RATE_LIMITED')
    if (!denied && role !== 'admin' && !audited.test(method)) return undefined
    const event = {
      kind: 'call' as const,
      action: method,
      outcome: error?.code ?? 'OK',
      ...(error === undefined || error.reason === error.code ? {} : { reason: error.reason }),
      ...(caller === undefined ? {} : { tenant: caller.tenant, role: caller.role }),
      ...(caller === undefined || caller.credential === '' ? {} : { credential: caller.credential }),
    }
    if (denied) {
      this.#countDenied(event)
      return undefined
    }
    return this.#log.record(event).catch(() => {})
  }

  /** Writes what was only counted so far. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const all = [...this.#denied.values()].filter(({ count }) => count > 0)
    this.#denied.clear()
    await Promise.all(all.map(({ event, count }) => this.#log.record({ ...event, count }).catch(() => {})))
  }

  /** Whoever is denied may try as often as it likes: that must not fill the log. */
  #countDenied(event: Omit<AuditEvent, 'at'>): void {
    this.#timer ??= setTimeout(() => void this.flush(), minuteMs).unref()
    const { action, outcome, reason, tenant, credential } = event
    const isRoom = this.#denied.size < mostKinds
    const kind = isRoom ? JSON.stringify([action, outcome, reason, tenant, credential]) : 'others'
    const known = this.#denied.get(kind)
    if (known !== undefined) {
      known.count += 1
      return
    }
    const first = isRoom ? event : { kind: 'call' as const, action: 'others', outcome }
    this.#denied.set(kind, { event: first, count: 0 })
    void this.#log.record(first).catch(() => {})
  }
}
