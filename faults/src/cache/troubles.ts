import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresServer, RedisServer, Relay } from '@holdfast/test-servers'
import { restartImmediately } from '../restart-immediately.js'
import { now } from './history.js'

/** What the clients stand on: each process has a relay of its own to Redis; a second, empty Redis waits. */
export interface Ground {
  readonly postgres: PostgresServer
  readonly redis: readonly [RedisServer, RedisServer]
  readonly relays: readonly Relay[]
  /** SIGKILL to the process behind a relay, and another one in its place. */
  readonly killProcess: (index: number) => Promise<void>
}

export const kinds = [
  'redis_killed',
  'redis_paused',
  'redis_flushed',
  'redis_failed_over',
  'process_cut_off',
  'process_held_up',
  'connections_reset',
  'process_killed',
  'database_restarted',
] as const
export type TroubleKind = (typeof kinds)[number]

/** Makes trouble, one after the other, each kind as often as the others, in an order and for times that a seed decides. */
export class Troubles {
  readonly counts: Record<TroubleKind, number> = {
    redis_killed: 0,
    redis_paused: 0,
    redis_flushed: 0,
    redis_failed_over: 0,
    process_cut_off: 0,
    process_held_up: 0,
    connections_reset: 0,
    process_killed: 0,
    database_restarted: 0,
  }
  /** When the database was away, from and to, in the time of the history. */
  readonly outages: (readonly [from: number, to: number])[] = []
  readonly #ground: Ground
  readonly #random: () => number
  #active = 0
  #deck: TroubleKind[] = []

  constructor(ground: Ground, random: () => number) {
    this.#ground = ground
    this.#random = random
  }

  async next(): Promise<TroubleKind> {
    if (this.#deck.length === 0) {
      this.#deck = kinds
        .map((kind) => ({ kind, at: this.#random() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ kind }) => kind)
    }
    const kind = this.#deck.pop() ?? 'redis_flushed'
    await this.#make(kind)
    this.counts[kind] += 1
    return kind
  }

  async #make(kind: TroubleKind): Promise<void> {
    const { relays, postgres } = this.#ground
    const redis = this.#ground.redis[this.#active] as RedisServer
    switch (kind) {
      case 'redis_killed':
        await redis.kill()
        await this.#for(50, 1_500)
        await redis.restart()
        break
      case 'redis_paused':
        redis.pause()
        await this.#for(50, 1_500)
        redis.resume()
        break
      case 'redis_flushed':
        await redis.command('FLUSHALL')
        break
      case 'redis_failed_over': {
        this.#active = 1 - this.#active
        const other = this.#ground.redis[this.#active] as RedisServer
        await other.command('FLUSHALL')
        // Not all of them notice at once.
        for (const relay of this.#shuffled(relays)) {
          relay.aim(other.port)
          relay.cut()
          await this.#for(0, 200)
        }
        break
      }
      case 'process_cut_off': {
        const some = this.#some(relays)
        for (const relay of some) {
          relay.aim(undefined)
          relay.cut()
        }
        await this.#for(50, 1_500)
        for (const relay of some) relay.aim(redis.port)
        break
      }
      case 'process_held_up': {
        const some = this.#some(relays)
        for (const relay of some) relay.hold(true)
        await this.#for(50, 1_500)
        for (const relay of some) relay.hold(false)
        break
      }
      case 'connections_reset':
        for (const relay of this.#some(relays)) relay.cut()
        break
      case 'process_killed':
        await this.#ground.killProcess(Math.floor(this.#random() * relays.length))
        break
      case 'database_restarted': {
        const from = now()
        await restartImmediately(postgres)
        this.outages.push([from, now()])
      }
    }
  }

  #for(fromMs: number, toMs: number): Promise<void> {
    return delay(fromMs + this.#random() * (toMs - fromMs))
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.#random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }

  /** At least one, and not all. */
  #some<T>(items: readonly T[]): T[] {
    return this.#shuffled(items).slice(0, 1 + Math.floor(this.#random() * (items.length - 1)))
  }
}
