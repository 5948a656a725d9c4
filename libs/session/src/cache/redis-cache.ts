import { NearCache, type NearCacheOptions } from './near-cache.js'
import { connectRedis, type RedisConnection, type RedisConnectionOptions, redisScript } from './redis-connection.js'
import {
  ageOf,
  type CacheAnswer,
  type CacheChange,
  type CacheEntry,
  type CacheFill,
  leaseMs,
  type LeaseRequest,
  type SessionCache,
} from './session-cache.js'

export interface RedisCacheOptions extends RedisConnectionOptions {
  /** Before the names of all keys; default `holdfast`. */
  readonly prefix?: string
  /** Default: none. Only for one server. */
  readonly near?: NearCacheOptions
}

/** An entry is a string: `VERSION|UNTIL|EXPIRES|JSON`, without the JSON (and its bar) for a key that has no value; a lease is `L|TOKEN`. So a hit
 *  is a plain GET. On one server a call with several keys is one script; in a cluster each key has its own, as slots demand. */
const change = `
local call = redis.call
-- Enough for a version or a lease. As text, since Lua's numbers would be printed and read again.
local function headOf(key) return call('GETRANGE', key, '0', '31') end
local function change(key, current, version, payload, age)
  if current == '' then return end
  local known = string.match(current, '^%d+')
  if not known then call('DEL', key)
  elseif tonumber(known) <= version then call('SET', key, payload, 'PX', age) end
end
`
const scripts = {
  /** For each key: VERSION PAYLOAD AGE. */
  change: redisScript(`${change}
    for i, key in ipairs(KEYS) do
      change(key, headOf(key), tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1], ARGV[3 * i])
    end
    return 1`),
  /** For each key: VERSION PAYLOAD AGE TOKEN. */
  fill: redisScript(`${change}
    local answers = {}
    for i, key in ipairs(KEYS) do
      local version, payload, age, token = unpack(ARGV, 4 * i - 3, 4 * i)
      local current = headOf(key)
      if current == 'L|' .. token then
        redis.call('SET', key, payload, 'PX', age)
        answers[i] = 1
      else
        change(key, current, tonumber(version), payload, age)
        answers[i] = 0
      end
    end
    return answers`),
  /** MILLISECONDS, then for each key: TOKEN TAKE-OVER. */
  lease: redisScript(`
    local answers = {}
    for i, key in ipairs(KEYS) do
      local current = redis.call('GET', key)
      if current and string.sub(current, 1, 2) ~= 'L|' then
        answers[i] = current
      elseif current and ARGV[2 * i + 1] == '0' then
        answers[i] = 'L'
      else
        redis.call('SET', key, 'L|' .. ARGV[2 * i], 'PX', ARGV[1])
        answers[i] = ''
      end
    end
    return answers`),
} as const

export async function openRedisCache({
  prefix = 'holdfast',
  near,
  ...options
}: RedisCacheOptions): Promise<SessionCache> {
  const connection = await connectRedis({ ...options, tracksReads: near !== undefined })
  const nameOf = (epoch: number, key: string) => `${prefix}:${epoch}:${key}`
  const cache = new RedisCache(connection, nameOf)
  return near === undefined ? cache : new NearCache(cache, connection, nameOf, near)
}

class RedisCache implements SessionCache {
  readonly #connection: RedisConnection
  readonly #nameOf: (epoch: number, key: string) => string

  constructor(connection: RedisConnection, nameOf: (epoch: number, key: string) => string) {
    this.#connection = connection
    this.#nameOf = nameOf
  }

  get kind(): 'redis' | 'redis-cluster' {
    return this.#connection.kind
  }

  serverId(): string | undefined {
    return this.#connection.serverId()
  }

  onReturn(listener: () => void): void {
    this.#connection.onReturn(listener)
  }

  async get(epoch: number, keys: readonly string[]): Promise<CacheAnswer[]> {
    const names = keys.map((key) => this.#nameOf(epoch, key))
    const connection = this.#connection
    const [only] = names
    if (only !== undefined && names.length === 1) return [answerOf(await connection.send(only, ['GET', only], true))]
    if (this.kind === 'redis') {
      const values = (await connection.send(undefined, ['MGET', ...names], true)) as (string | null)[]
      return values.map(answerOf)
    }
    return Promise.all(names.map(async (name) => answerOf(await connection.send(name, ['GET', name], true))))
  }

  async lease(epoch: number, requests: readonly LeaseRequest[]): Promise<CacheAnswer[]> {
    const answers = await this.#inTurn(epoch, requests, (names, some) =>
      this.#connection.run(scripts.lease, names, [
        String(leaseMs),
        ...some.flatMap(({ token, takeOver }) => [token, takeOver ? '1' : '0']),
      ]),
    )
    return answers.map((answer) => {
      if (answer === '') return { kind: 'miss' }
      return answer === 'L' ? { kind: 'leased' } : answerOf(answer)
    })
  }

  async fill(epoch: number, fills: readonly CacheFill[], now: number): Promise<boolean[]> {
    const answers = await this.#inTurn(epoch, fills, (names, some) =>
      this.#connection.run(
        scripts.fill,
        names,
        some.flatMap(({ token, entry }) => [...payloadOf(entry, now), token]),
      ),
    )
    return answers.map((answer) => answer === 1)
  }

  async change(epoch: number, changes: readonly CacheChange[], now: number): Promise<void> {
    await this.#inTurn(epoch, changes, async (names, some) => {
      await this.#connection.run(
        scripts.change,
        names,
        some.flatMap(({ entry }) => payloadOf(entry, now)),
      )
      return []
    })
  }

  async forget(epoch: number, keys: readonly string[]): Promise<void> {
    await Promise.all(
      keys.map((key) => {
        const name = this.#nameOf(epoch, key)
        return this.#connection.send(name, ['DEL', name])
      }),
    )
  }

  ping(): Promise<number> {
    return this.#connection.ping()
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** All of them with one script, or one for each where keys are on several nodes. */
  async #inTurn<T extends { readonly key: string }>(
    epoch: number,
    items: readonly T[],
    run: (names: readonly string[], items: readonly T[]) => Promise<unknown>,
  ): Promise<unknown[]> {
    const ask = (some: readonly T[]): Promise<unknown> =>
      run(
        some.map(({ key }) => this.#nameOf(epoch, key)),
        some,
      )
    if (this.kind === 'redis') return (await ask(items)) as unknown[]
    const answers = await Promise.all(items.map((item) => ask([item])))
    return answers.flatMap((answer) => answer as unknown[])
  }
}

function payloadOf(entry: CacheEntry, now: number): string[] {
  const { version, expiresAt, json } = entry
  const ageMs = ageOf(entry, now)
  const head = `${version}|${Math.floor(now) + ageMs}|${expiresAt === undefined ? '' : Math.floor(expiresAt)}`
  return [String(version), json === undefined ? head : `${head}|${json}`, String(ageMs)]
}

function answerOf(value: unknown): CacheAnswer {
  if (typeof value !== 'string') return { kind: 'miss' }
  if (value.startsWith('L|')) return { kind: 'leased' }
  const first = value.indexOf('|')
  const second = value.indexOf('|', first + 1)
  const third = value.indexOf('|', second + 1)
  const expires = value.slice(second + 1, third === -1 ? undefined : third)
  return {
    kind: 'hit',
    entry: {
      version: Number(value.slice(0, first)),
      expiresAt: expires === '' ? undefined : Number(expires),
      json: third === -1 ? undefined : value.slice(third + 1),
    },
    until: Number(value.slice(first + 1, second)),
  }
}
