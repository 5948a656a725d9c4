import { HoldfastError } from '@holdfast/errors'

export interface TenantPoolOptions<Parts> {
  readonly open: (tenant: string) => Promise<Parts>
  /** Whether it does something of its own, so that it must not be closed; default: never. */
  readonly isBusy?: (parts: Parts) => boolean
  /** How long what nobody uses stays open, in milliseconds; default 600,000. */
  readonly idleMs?: number
  /** Tenants that are open at once; default 1,000. Beyond it the one that was idle longest is closed; if all are in use, RESOURCE_EXHAUSTED. */
  readonly most?: number
  readonly onError?: (error: unknown) => void
}

interface Opened<Parts> {
  readonly parts: Parts
  uses: number
  isKept: boolean
  usedAt: number
}

/** What is in use, to be given back by disposing. */
export interface Lease<Parts> extends Disposable {
  readonly parts: Parts
}

/** What serves each tenant, of its own: no two tenants share a map, a queue, a cache or a subscription. Opened with the tenant's first call. */
export class TenantPool<Parts extends AsyncDisposable> implements AsyncDisposable {
  readonly #options: TenantPoolOptions<Parts>
  readonly #opened = new Map<string, Opened<Parts>>()
  readonly #opening = new Map<string, Promise<Opened<Parts>>>()
  readonly #closing = new Map<string, Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #isClosed = false

  constructor(options: TenantPoolOptions<Parts>) {
    this.#options = options
    const idleMs = options.idleMs ?? 600_000
    const lookMs = Math.min(60_000, Math.max(10, idleMs / 4))
    this.#timer = setInterval(() => this.#closeIdle(performance.now() - idleMs), lookMs).unref()
  }

  /** What is open now. */
  get all(): readonly Parts[] {
    return [...this.#opened.values()].map(({ parts }) => parts)
  }

  /** At once if it is open. @throws UNAVAILABLE when it is closed; RESOURCE_EXHAUSTED when too many are in use */
  lease(tenant: string): Lease<Parts> | Promise<Lease<Parts>> {
    const opened = this.#opened.get(tenant)
    return opened === undefined ? this.#open(tenant).then(leaseOf) : leaseOf(opened)
  }

  /** Opens it and keeps it open. */
  async keep(tenant: string): Promise<Parts> {
    const opened = this.#opened.get(tenant) ?? (await this.#open(tenant))
    opened.isKept = true
    return opened.parts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await Promise.allSettled(this.#opening.values())
    await Promise.all([...this.#opened.values()].map(({ parts }) => parts[Symbol.asyncDispose]()))
    await Promise.allSettled(this.#closing.values())
    this.#opened.clear()
  }

  #open(tenant: string): Promise<Opened<Parts>> {
    const opening = this.#opening.get(tenant) ?? this.#begin(tenant)
    this.#opening.set(tenant, opening)
    return opening
  }

  async #begin(tenant: string): Promise<Opened<Parts>> {
    try {
      await this.#closing.get(tenant)
      if (this.#isClosed) {
        throw new HoldfastError('UNAVAILABLE', 'The server is stopping: try again elsewhere or later', {
          reason: 'SERVER_STOPPING',
          retryAfterMs: 1000,
        })
      }
      this.#makeRoom()
      const parts = await this.#options.open(tenant)
      const opened = { parts, uses: 0, isKept: false, usedAt: performance.now() }
      this.#opened.set(tenant, opened)
      return opened
    } finally {
      this.#opening.delete(tenant)
    }
  }

  #makeRoom(): void {
    // The one that needs room is among those that are being opened.
    if (this.#opened.size + this.#opening.size <= (this.#options.most ?? 1_000)) return
    const idle = [...this.#opened].filter(([, one]) => this.#isIdle(one)).sort(([, a], [, b]) => a.usedAt - b.usedAt)
    const [oldest] = idle
    if (oldest === undefined) {
      throw new HoldfastError('RESOURCE_EXHAUSTED', 'Too many tenants are served at once: try again', {
        reason: 'TOO_MANY_TENANTS',
        retryAfterMs: 1000,
      })
    }
    this.#close(...oldest)
  }

  #isIdle({ uses, isKept, parts }: Opened<Parts>): boolean {
    return uses === 0 && !isKept && this.#options.isBusy?.(parts) !== true
  }

  #closeIdle(before: number): void {
    for (const [tenant, opened] of this.#opened) {
      if (opened.usedAt <= before && this.#isIdle(opened)) this.#close(tenant, opened)
    }
  }

  #close(tenant: string, { parts }: Opened<Parts>): void {
    this.#opened.delete(tenant)
    this.#closing.set(tenant, this.#end(tenant, parts))
  }

  async #end(tenant: string, parts: Parts): Promise<void> {
    try {
      await parts[Symbol.asyncDispose]()
    } catch (error) {
      this.#options.onError?.(error)
    } finally {
      this.#closing.delete(tenant)
    }
  }
}

function leaseOf<Parts>(opened: Opened<Parts>): Lease<Parts> {
  opened.uses += 1
  let isOver = false
  return {
    parts: opened.parts,
    [Symbol.dispose]() {
      if (isOver) return
      isOver = true
      opened.uses -= 1
      opened.usedAt = performance.now()
    },
  }
}
