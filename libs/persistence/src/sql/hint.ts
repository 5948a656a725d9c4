import { randomUUID } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import { anyTopic, type Hints } from '../hints.js'
import { isTransient } from '../transient.js'
import type { Listener, SqlDriver } from './driver.js'

const channel = 'holdfast'
/** Each hint is a transaction, and the server commits those that notify one by one. So a process gives hints for at most a tenth of its time: 100 a
 *  second where they cost nothing, and 20 where the server, or this process, is busy. */
const timesItsCost = 10
const shortestPauseMs = 10
const longestPauseMs = 50
/** When nobody listens, nobody is told for so long. */
const nobodyPauseMs = 1_000
const failedPauseMs = 5_000
/** A process that listens says so again and again, in the database: until then it counts as there. */
const presenceMs = 30_000
const renewalMs = 10_000
const longestReconnectMs = 30_000
/** NOTIFY takes less than 8,000 bytes; names are ASCII. */
const longestPayload = 7_000

/** Hints by NOTIFY, on their own statements beside all writes. Sent only while a process is known to listen; a process listens, on a
 *  connection of its own, only while somebody waits in it. */
export class NotifyHints implements Hints {
  readonly #driver: SqlDriver
  readonly #id = randomUUID()
  readonly #topics = new Set<string>()
  readonly #wakes = new Set<(topic: string) => void>()
  #sending: NodeJS.Timeout | undefined
  #sendNoSoonerThan = 0
  #presence: NodeJS.Timeout | undefined
  #listener: Listener | undefined
  #underWay: Promise<unknown> = Promise.resolve()
  #failures = 0
  #closed = false
  #unsupported = false

  constructor(driver: SqlDriver) {
    this.#driver = driver
    this.#unsupported = driver.listen === undefined
  }

  announce(topic: string): void {
    if (this.#unsupported || this.#closed || this.#topics.has(topic)) return
    this.#topics.add(topic)
    if (this.#sending !== undefined) return
    const inMs = Math.max(0, this.#sendNoSoonerThan - performance.now())
    this.#sending = setTimeout(() => void this.#send(), inMs).unref()
  }

  listen(wake: (topic: string) => void): () => void {
    this.#wakes.add(wake)
    if (this.#wakes.size === 1) this.#keepPresent(0)
    return () => {
      this.#wakes.delete(wake)
      if (this.#wakes.size === 0) this.#keepPresent(0)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wakes.clear()
    clearTimeout(this.#sending)
    clearTimeout(this.#presence)
    await this.#underWay
    await this.#leave()
  }

  async #send(): Promise<void> {
    const topics = [...this.#topics].join(' ')
    this.#topics.clear()
    const began = performance.now()
    let waitMs = longestPauseMs
    try {
      const rows = await this.#driver.query({
        name: 'hint:holdfast',
        text: `select pg_notify($1, $2)::text, set_config('synchronous_commit', 'off', true)
          from (select 1 from holdfast.listeners where until > now() and id <> $3 limit 1) l`,
        values: [channel, `${this.#id} ${topics.length > longestPayload ? anyTopic : topics}`, this.#id],
      })
      const tookMs = performance.now() - began
      if (rows.length === 0) waitMs = nobodyPauseMs
      else waitMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, tookMs * timesItsCost))
    } catch (error) {
      waitMs = failedPauseMs
      if (!isTransient(error)) this.#unsupported = true
    }
    this.#sending = undefined
    this.#sendNoSoonerThan = performance.now() + waitMs
    const [again] = this.#topics
    if (again === undefined) return
    this.#topics.delete(again)
    this.announce(again)
  }

  /** Listens and says so as long as somebody waits, and ends that when nobody does. */
  #keepPresent(inMs: number): void {
    if (this.#unsupported || this.#closed) return
    clearTimeout(this.#presence)
    this.#presence = setTimeout(() => {
      this.#underWay = this.#underWay.then(() => this.#bePresent())
    }, inMs).unref()
  }

  async #bePresent(): Promise<void> {
    if (this.#closed || this.#unsupported) return
    if (this.#wakes.size === 0) {
      await this.#leave()
      return
    }
    try {
      this.#listener ??= await this.#driver.listen?.(channel, {
        onNotify: (payload) => this.#hear(payload),
        onLost: () => {
          this.#listener = undefined
          this.#keepPresent(this.#reconnectMs())
        },
      })
      await this.#driver.query({
        name: 'listening:holdfast',
        text: `with gone as (delete from holdfast.listeners where until < now() - interval '1 hour' and id <> $1)
          insert into holdfast.listeners (id, until) values ($1, now() + $2::bigint * interval '1 millisecond')
          on conflict (id) do update set until = excluded.until`,
        values: [this.#id, presenceMs],
      })
      this.#failures = 0
      this.#keepPresent(renewalMs)
    } catch (error) {
      // A server without LISTEN says so; everything goes on by looking.
      if (error instanceof HoldfastError && !isTransient(error)) this.#unsupported = true
      else this.#keepPresent(this.#reconnectMs())
    }
  }

  #reconnectMs(): number {
    this.#failures += 1
    return Math.min(longestReconnectMs, 500 * 2 ** Math.min(10, this.#failures)) * (0.5 + Math.random())
  }

  #hear(payload: string): void {
    const [from, ...topics] = payload.split(' ')
    if (from === this.#id) return
    for (const topic of topics) for (const wake of this.#wakes) wake(topic)
  }

  async #leave(): Promise<void> {
    const listener = this.#listener
    if (listener === undefined) return
    this.#listener = undefined
    await listener.close()
    await this.#driver
      .query({ text: 'delete from holdfast.listeners where id = $1', values: [this.#id] })
      .catch(() => undefined)
  }
}
