import { invalidField } from '@holdfast/errors'
import type { ConsumerHandler, Scope } from '../contract/scope.js'
import { pause } from '../log-tail.js'
import { checkOptions } from '../options.js'
import { checkId } from '../sql/names.js'
import { isTransient } from '../transient.js'
import type { Consumer, ConsumerOptions, FeedEvent } from './change-feed.js'
import { type ConsumerHome, ConsumerLease, LeaseLost } from './consumer-lease.js'
import { decodePosition, encodePosition } from './feed-position.js'
import { assertOn, followFeed, startPosition, type WatchSource } from './watch.js'

const firstPauseMs = 100
const longestPauseMs = 10_000

export function startConsumer<T>(
  source: WatchSource<T>,
  home: ConsumerHome,
  name: string,
  handler: ConsumerHandler<T>,
  options: ConsumerOptions,
): Consumer {
  if (typeof handler !== 'function') throw invalidField('handler', 'must be a function')
  const settings = checkedOptions(options)
  return new FeedConsumer(source, home, checkId(name, 'name'), handler, settings)
}

type Settings = Required<Omit<ConsumerOptions, 'signal'>> & Pick<ConsumerOptions, 'signal'>

class FeedConsumer<T> implements Consumer {
  readonly name: string
  readonly done: Promise<void>
  readonly #source: WatchSource<T>
  readonly #home: ConsumerHome
  readonly #handler: ConsumerHandler<T>
  readonly #settings: Settings
  readonly #stop = new AbortController()
  #active = false

  constructor(
    source: WatchSource<T>,
    home: ConsumerHome,
    name: string,
    handler: ConsumerHandler<T>,
    settings: Settings,
  ) {
    this.name = name
    this.#source = source
    this.#home = home
    this.#handler = handler
    this.#settings = settings
    const { signal } = settings
    const onAbort = () => this.#stop.abort()
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    this.done = this.#run().finally(() => signal?.removeEventListener('abort', onAbort))
    // Whoever does not ask for it need not handle it.
    this.done.catch(() => {})
  }

  get active(): boolean {
    return this.#active
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.done.catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(): Promise<void> {
    const stop = this.#stop.signal
    const { leaseMs } = this.#settings
    await assertOn(this.#source)
    let outages = 0
    while (!stop.aborted) {
      let lease: ConsumerLease | undefined
      try {
        lease = await this.#take()
        outages = 0
      } catch (error) {
        if (!isTransient(error)) throw error
        outages += 1
      }
      if (lease === undefined) {
        const waitMs = outages > 0 ? pauseAfter(outages) : Math.min(1_000, leaseMs / 4)
        await pause(waitMs * (0.75 + Math.random() / 2), stop)
        continue
      }
      await this.#hold(lease)
    }
  }

  #take(): Promise<ConsumerLease | undefined> {
    const { name, tenant } = this.#source
    const start = async () => encodePosition(name, tenant, await startPosition(this.#source, this.#settings.from))
    return ConsumerLease.take(this.#home, `${name}/${this.name}`, this.#settings.leaseMs, start)
  }

  /** Handles events until the lease is lost or the consumer is stopped. */
  async #hold(lease: ConsumerLease): Promise<void> {
    const over = new AbortController()
    const end = () => over.abort()
    this.#stop.signal.addEventListener('abort', end)
    if (this.#stop.signal.aborted) end()
    const renewals = this.#renewUntil(lease, over)
    this.#active = true
    try {
      const { name, tenant } = this.#source
      const after = decodePosition(name, tenant, lease.position, 'position')
      for await (const events of followFeed(this.#source, after, this.#settings.batch, over.signal)) {
        await this.#handle(lease, events, over.signal)
        if (over.signal.aborted) break
      }
    } catch (error) {
      // A database that was away for too long: begin again at the stored position.
      if (!(error instanceof LeaseLost) && !isTransient(error)) throw error
    } finally {
      this.#active = false
      end()
      this.#stop.signal.removeEventListener('abort', end)
      await renewals
      await lease.release()
    }
  }

  async #renewUntil(lease: ConsumerLease, over: AbortController): Promise<void> {
    for (;;) {
      await pause(this.#settings.leaseMs / 3, over.signal)
      if (over.signal.aborted) return
      try {
        await lease.renew()
      } catch (error) {
        if (error instanceof LeaseLost || lease.isOverdue) over.abort()
      }
    }
  }

  /** Once the handler has done its part the position is stored, whatever time that takes: otherwise the events come again. */
  async #handle(lease: ConsumerLease, events: readonly FeedEvent<T>[], over: AbortSignal): Promise<void> {
    const last = events.at(-1)
    if (last === undefined) return
    const { maxAttempts } = this.#settings
    for (let attempt = 1; !over.aborted; attempt += 1) {
      try {
        await this.#attempt(lease, events, last.position)
        return
      } catch (error) {
        if (error instanceof LeaseLost || attempt >= maxAttempts) throw error
        await pause(pauseAfter(attempt), over)
      }
    }
  }

  async #attempt(lease: ConsumerLease, events: readonly FeedEvent<T>[], position: string): Promise<void> {
    if (this.#settings.transactional) {
      const settle = await this.#home.scope.transaction((tx: Scope) =>
        lease.moveWith(tx, position, () => this.#handler(events, tx)),
      )
      settle()
      return
    }
    await this.#handler(events, this.#home.scope)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await lease.moveTo(position)
      } catch (error) {
        if (error instanceof LeaseLost || !isTransient(error) || lease.isOverdue) throw new LeaseLost()
        await pause(pauseAfter(attempt), this.#stop.signal)
      }
    }
  }
}

function pauseAfter(attempts: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (attempts - 1))
}

function checkedOptions(options: ConsumerOptions): Settings {
  checkOptions(options, ['from', 'batch', 'transactional', 'leaseMs', 'maxAttempts', 'signal'])
  const { from = 'start', batch = 100, transactional = false, leaseMs = 15_000, maxAttempts = 10, signal } = options
  if (from !== 'start' && from !== 'now') throw invalidField('from', `must be 'start' or 'now'`)
  if (typeof transactional !== 'boolean') throw invalidField('transactional', 'must be true or false')
  const checked = {
    from,
    transactional,
    batch: checkNumber(batch, 'batch', 1, 1_000),
    leaseMs: checkNumber(leaseMs, 'leaseMs', 200, 3_600_000),
    maxAttempts: checkNumber(maxAttempts, 'maxAttempts', 1, Number.MAX_SAFE_INTEGER),
  }
  return signal === undefined ? checked : { ...checked, signal }
}

function checkNumber(value: number, field: string, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw invalidField(field, `must be an integer from ${least} to ${most}`)
}
