import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import { createClient, createCluster } from '@redis/client'
import { ageOf, type CacheAnswer, type CacheEntry, leaseMs, type SessionCache } from './session-cache.js'

export interface RedisCacheOptions {
  /** Of one server. */
  readonly url?: string
  /** Of some nodes of a cluster, which name the others. */
  readonly clusterUrls?: readonly string[]
  /** Before the names of all keys; default `holdfast`. */
  readonly prefix?: string
  /** How long a command may take, in milliseconds; default 500. */
  readonly timeoutMs?: number
}

interface OneServer {
  readonly kind: 'redis'
  sendCommand(words: readonly string[]): Promise<unknown>
}

interface Cluster {
  readonly kind: 'redis-cluster'
  sendCommand(key: string | undefined, readOnly: boolean, words: readonly string[]): Promise<unknown>
  nodes(): Promise<readonly { readonly address: string; sendCommand(words: readonly string[]): Promise<unknown> }[]>
}

/** What is used of the library, whose types differ between a server and a cluster. */
type Connection = (OneServer | Cluster) & {
  connect(): Promise<unknown>
  destroy(): void
  on(event: string, listener: () => void): void
}

/** An entry is a string: `VERSION|EXPIRES|JSON`, without the JSON (and its bar) for a key that has no value; a lease is `L|TOKEN`. So a hit
 *  is a plain GET. Each script touches the one key that it is given, as a cluster demands. */
const change = `
local function change(current, version, payload, age)
  if not current then return 0 end
  if string.sub(current, 1, 2) == 'L|' then redis.call('DEL', KEYS[1]) return 0 end
  if tonumber(string.match(current, '^%d+')) <= version then redis.call('SET', KEYS[1], payload, 'PX', age) return 1 end
  return 0
end
`
const scripts = {
  change: `${change} return change(redis.call('GET', KEYS[1]), tonumber(ARGV[1]), ARGV[2], ARGV[3])`,
  fill: `${change}
    local current = redis.call('GET', KEYS[1])
    if current == 'L|' .. ARGV[4] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end
    change(current, tonumber(ARGV[1]), ARGV[2], ARGV[3])
    return 0`,
  lease: `
    local current = redis.call('GET', KEYS[1])
    if current and string.sub(current, 1, 2) ~= 'L|' then return current end
    if current and ARGV[2] == '0' then return 'L' end
    redis.call('SET', KEYS[1], 'L|' .. ARGV[1], 'PX', ARGV[3])
    return ''`,
} as const

const digests = {
  change: sha1(scripts.change),
  fill: sha1(scripts.fill),
  lease: sha1(scripts.lease),
} as const

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** Waits for the server, but not for ever: without one the cache begins as one that is away. */
export async function openRedisCache(options: RedisCacheOptions): Promise<SessionCache> {
  const cache = new RedisCache(options)
  await cache.open()
  return cache
}

class RedisCache implements SessionCache {
  readonly #connection: Connection
  readonly #prefix: string
  readonly #timeoutMs: number
  readonly #listeners: (() => void)[] = []
  #serverId: string | undefined
  #returns = 0
  #closed = false

  constructor({ url, clusterUrls, prefix = 'holdfast', timeoutMs = 500 }: RedisCacheOptions) {
    this.#prefix = prefix
    this.#timeoutMs = timeoutMs
    const socket = {
      connectTimeout: timeoutMs * 2,
      // Backs off to a second, for as long as it takes.
      reconnectStrategy: (retries: number) => Math.min(1_000, 20 * 2 ** Math.min(retries, 6)) + Math.random() * 20,
    }
    const perConnection = { socket, disableOfflineQueue: true, commandsQueueMaxLength: 100_000 }
    this.#connection = clusterUrls === undefined ? toServer(url, perConnection) : toCluster(clusterUrls, perConnection)
    // What is said in an error may be the URL with its password: the state is what counts.
    this.#connection.on('error', () => this.#lose())
    this.#connection.on('end', () => this.#lose())
    this.#connection.on('reconnecting', () => this.#lose())
    this.#connection.on('node-error', () => this.#lose())
    this.#connection.on('node-reconnecting', () => this.#lose())
    this.#connection.on('node-disconnect', () => this.#lose())
    for (const back of ['ready', 'node-ready']) this.#connection.on(back, () => void this.#arrive())
  }

  get kind(): 'redis' | 'redis-cluster' {
    return this.#connection.kind
  }

  async open(): Promise<void> {
    const connecting = this.#connection.connect().catch(() => undefined)
    await Promise.race([connecting, new Promise((resolve) => setTimeout(resolve, this.#timeoutMs * 2).unref())])
    await this.#arrive()
  }

  serverId(): string | undefined {
    return this.#serverId
  }

  onReturn(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async get(epoch: number, keys: readonly string[]): Promise<CacheAnswer[]> {
    const names = keys.map((key) => this.#name(epoch, key))
    const [only] = names
    if (only !== undefined && names.length === 1) return [answerOf(await this.#send(only, ['GET', only], true))]
    if (this.kind === 'redis') {
      const values = await this.#send(undefined, ['MGET', ...names], true)
      return (values as (string | null)[]).map(answerOf)
    }
    return Promise.all(names.map(async (name) => answerOf(await this.#send(name, ['GET', name], true))))
  }

  async lease(epoch: number, key: string, token: string, takeOver: boolean): Promise<CacheAnswer> {
    const answer = await this.#run('lease', epoch, key, [token, takeOver ? '1' : '0', String(leaseMs)])
    if (answer === '') return { kind: 'miss' }
    return answer === 'L' ? { kind: 'leased' } : answerOf(answer)
  }

  async fill(epoch: number, key: string, token: string, entry: CacheEntry, now: number): Promise<boolean> {
    return (await this.#run('fill', epoch, key, [...payloadOf(entry, now), token])) === 1
  }

  async change(epoch: number, entries: readonly (readonly [string, CacheEntry])[], now: number): Promise<void> {
    await Promise.all(entries.map(([key, entry]) => this.#run('change', epoch, key, payloadOf(entry, now))))
  }

  async forget(epoch: number, keys: readonly string[]): Promise<void> {
    await Promise.all(
      keys.map((key) => {
        const name = this.#name(epoch, key)
        return this.#send(name, ['DEL', name])
      }),
    )
  }

  async ping(): Promise<number> {
    const start = performance.now()
    await this.#send('ping', ['EXISTS', `${this.#prefix}:ping`], true)
    return performance.now() - start
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#serverId = undefined
    this.#connection.destroy()
  }

  #name(epoch: number, key: string): string {
    return `${this.#prefix}:${epoch}:${key}`
  }

  async #run(script: keyof typeof scripts, epoch: number, key: string, words: readonly string[]): Promise<unknown> {
    const name = this.#name(epoch, key)
    try {
      return await this.#send(name, ['EVALSHA', digests[script], '1', name, ...words])
    } catch (error) {
      if (
        !(error instanceof HoldfastError) ||
        !String((error.cause as Error | undefined)?.message).startsWith('NOSCRIPT')
      )
        throw error
      return this.#send(name, ['EVAL', scripts[script], '1', name, ...words])
    }
  }

  async #send(key: string | undefined, words: string[], readOnly = false): Promise<unknown> {
    if (this.#serverId === undefined) throw away()
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // Whoever sent it goes on without the cache; what was sent may still be carried out.
        this.#lose()
        reject(away(new Error(`no answer within ${this.#timeoutMs} ms`)))
      }, this.#timeoutMs)
    })
    try {
      const connection = this.#connection
      const answer =
        connection.kind === 'redis' ? connection.sendCommand(words) : connection.sendCommand(key, readOnly, words)
      return await Promise.race([answer, timeout])
    } catch (error) {
      if (error instanceof HoldfastError) throw error
      const message = error instanceof Error ? error.message : String(error)
      if (!message.startsWith('NOSCRIPT')) this.#lose()
      throw away(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Nothing is asked of it until it was found again. */
  #lose(): void {
    if (this.#serverId === undefined || this.#closed) return
    this.#serverId = undefined
    this.#returns += 1
    void this.#lookAgain()
  }

  async #lookAgain(): Promise<void> {
    for (let waitMs = 50; this.#serverId === undefined && !this.#closed; waitMs = Math.min(500, waitMs * 2)) {
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref())
      await this.#arrive()
    }
  }

  /** Asks the server who it is. */
  async #arrive(): Promise<void> {
    if (this.#closed || this.#serverId !== undefined) return
    const returns = this.#returns
    try {
      const id = await Promise.race([
        this.#identify(),
        new Promise<never>((_, reject) => setTimeout(() => reject(away()), this.#timeoutMs).unref()),
      ])
      if (this.#closed || this.#serverId !== undefined || returns !== this.#returns) return
      this.#serverId = id
      for (const listener of this.#listeners) listener()
    } catch {
      // Away still.
    }
  }

  async #identify(): Promise<string> {
    const connection = this.#connection
    if (connection.kind === 'redis') return runIdOf(await connection.sendCommand(['INFO', 'server']))
    // Which node answers for a key changes with a failover, and that with the id of a node.
    const nodes = await connection.nodes()
    const ids = await Promise.all(
      nodes.map(async (node) => `${node.address} ${runIdOf(await node.sendCommand(['INFO', 'server']))}`),
    )
    if (ids.length === 0) throw away()
    return sha1(ids.toSorted().join())
  }
}

interface PerConnection {
  readonly socket: { readonly connectTimeout: number; readonly reconnectStrategy: (retries: number) => number }
  readonly disableOfflineQueue: boolean
  readonly commandsQueueMaxLength: number
}

function toServer(url: string | undefined, options: PerConnection): Connection {
  const client = createClient({ ...options, ...(url === undefined ? {} : { url }) })
  return {
    kind: 'redis',
    sendCommand: (words) => client.sendCommand([...words]),
    connect: () => client.connect(),
    destroy: () => client.destroy(),
    on: (event, listener) => void client.on(event, listener),
  }
}

function toCluster(urls: readonly string[], options: PerConnection): Connection {
  const cluster = createCluster({ rootNodes: urls.map((url) => ({ url })), defaults: options })
  return {
    kind: 'redis-cluster',
    sendCommand: (key, readOnly, words) => cluster.sendCommand(key, readOnly, [...words]),
    nodes: () =>
      Promise.all(
        cluster.masters.map(async (master) => {
          const client = await cluster.nodeClient(master)
          return { address: master.address, sendCommand: (words: readonly string[]) => client.sendCommand([...words]) }
        }),
      ),
    connect: () => cluster.connect(),
    destroy: () => cluster.destroy(),
    on: (event, listener) => void cluster.on(event, listener),
  }
}

function runIdOf(info: unknown): string {
  const id = /^run_id:(\S+)/m.exec(String(info))?.[1]
  if (id === undefined) throw away()
  return id
}

function payloadOf(entry: CacheEntry, now: number): string[] {
  const { version, expiresAt, json } = entry
  const head = `${version}|${expiresAt === undefined ? '' : Math.floor(expiresAt)}`
  return [String(version), json === undefined ? head : `${head}|${json}`, String(ageOf(entry, now))]
}

function answerOf(value: unknown): CacheAnswer {
  if (value === null) return { kind: 'miss' }
  const text = typeof value === 'string' ? value : ''
  if (text.startsWith('L|')) return { kind: 'leased' }
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const expires = text.slice(first + 1, second === -1 ? undefined : second)
  return {
    kind: 'hit',
    entry: {
      version: Number(text.slice(0, first)),
      expiresAt: expires === '' ? undefined : Number(expires),
      json: second === -1 ? undefined : text.slice(second + 1),
    },
  }
}

function away(cause?: unknown): HoldfastError {
  return new HoldfastError('UNAVAILABLE', 'The cache cannot be reached: the database answers meanwhile', {
    reason: 'CACHE_AWAY',
    ...(cause === undefined ? {} : { cause }),
  })
}
