import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type * as Library from '@redis/client'
import { CommandWatch } from './cache-telemetry.js'

export interface RedisConnectionOptions {
  /** Of one server; default `redis://127.0.0.1:6379`. */
  readonly url?: string
  /** Of some nodes of a cluster, which name the others. */
  readonly clusterUrls?: readonly string[]
  /** How long a command may take, in milliseconds; default 500. One that takes longer counts as an outage. */
  readonly timeoutMs?: number
  /** Of one server: it tells when a key changes that was read by GET or MGET (`onInvalidation`). Needs RESP3, so Redis from 6. */
  readonly tracksReads?: boolean
}

/** Lua that the server keeps: it is sent once, then named by its digest. */
export interface RedisScript {
  readonly text: string
  readonly digest: string
}

export function redisScript(text: string): RedisScript {
  return { text, digest: sha1(text) }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

interface Pending {
  readonly until: number
  readonly reject: (error: HoldfastError) => void
}

/** Waits for the server, but not for ever: without one the connection begins as one to a server that is away. */
export async function connectRedis(options: RedisConnectionOptions): Promise<RedisConnection> {
  // 477 modules, a fifth of the start of a process: only for those that have a cache.
  const connection = new RedisConnection(options, await import('@redis/client'))
  await connection.open()
  return connection
}

/** A server or a cluster that may go away: then every call fails at once with UNAVAILABLE, nothing waits for it, and it is looked for in the
 *  background until it answers again. A rejected call means that nobody knows whether it was carried out, or ever will be. */
export class RedisConnection {
  readonly kind: 'redis' | 'redis-cluster'
  readonly #link: Link
  readonly #timeoutMs: number
  readonly #commands: CommandWatch
  readonly #listeners: (() => void)[] = []
  readonly #invalidationListeners: ((key: string | undefined) => void)[] = []
  /** In the order of their ends. */
  readonly #pending = new Set<Pending>()
  #watch: NodeJS.Timeout | undefined
  #serverId: string | undefined
  /** How often the server was lost. */
  #losses = 0
  #closed = false

  constructor(
    { url, clusterUrls, timeoutMs = 500, tracksReads = false }: RedisConnectionOptions,
    library: typeof Library,
  ) {
    this.#timeoutMs = timeoutMs
    this.#commands = new CommandWatch(url)
    const socket = {
      connectTimeout: timeoutMs * 2,
      // Backs off to a second, for as long as it takes.
      reconnectStrategy: (retries: number) => Math.min(1_000, 20 * 2 ** Math.min(retries, 6)) + Math.random() * 20,
    }
    // The library's own time limit costs an AbortSignal for each command, and covers only the way into the socket.
    const commandOptions = { timeout: 0 }
    const perConnection = { socket, commandOptions, disableOfflineQueue: true, commandsQueueMaxLength: 100_000 }
    this.#link =
      clusterUrls === undefined
        ? toServer(library, url, perConnection, tracksReads)
        : toCluster(library, clusterUrls, perConnection)
    this.kind = this.#link.kind
    // What is said in an error may be the URL with its password: the state is what counts.
    for (const gone of ['error', 'end', 'reconnecting', 'node-error', 'node-reconnecting', 'node-disconnect']) {
      this.#link.on(gone, () => this.#lose())
    }
    this.#link.on('invalidate', (key) => this.#invalidate(textOf(key)))
    for (const back of ['ready', 'node-ready']) this.#link.on(back, () => void this.#arrive())
  }

  async open(): Promise<void> {
    const connecting = this.#link.connect().catch(() => undefined)
    await Promise.race([connecting, new Promise((resolve) => setTimeout(resolve, this.#timeoutMs * 2).unref())])
    await this.#arrive()
    if (this.#serverId === undefined) void this.#lookAgain()
  }

  /** Which server this is, as long as it can be reached; another id: what is there cannot be trusted. */
  serverId(): string | undefined {
    return this.#serverId
  }

  /** Called when the server is reached again, or another one in its place. */
  onReturn(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Called with a key that changed since it was read; `undefined`: what was read of any key may have changed, unnoticed.
   *  @see https://redis.io/docs/latest/develop/reference/client-side-caching/ */
  onInvalidation(listener: (key: string | undefined) => void): void {
    this.#invalidationListeners.push(listener)
  }

  /** @param key decides about the node of a cluster; `undefined`: of one server only */
  send(key: string | undefined, words: string[], readOnly = false): Promise<unknown> {
    return this.#commands.watch(words, () => this.#send(key, words, readOnly))
  }

  async #send(key: string | undefined, words: string[], readOnly: boolean): Promise<unknown> {
    const link = this.#link
    if (this.#serverId === undefined) throw away()
    let pending: Pending | undefined
    try {
      return await new Promise<unknown>((resolve, reject) => {
        pending = { until: performance.now() + this.#timeoutMs, reject }
        this.#pending.add(pending)
        this.#watch ??= setTimeout(() => this.#lookAtPending(), this.#timeoutMs)
        const answer = link.kind === 'redis' ? link.sendCommand(words) : link.sendCommand(key, readOnly, words)
        answer.then(resolve, reject)
      })
    } catch (error) {
      if (error instanceof HoldfastError) throw error
      const message = error instanceof Error ? error.message : String(error)
      if (!message.startsWith('NOSCRIPT')) this.#lose()
      throw away(error)
    } finally {
      if (pending !== undefined) this.#pending.delete(pending)
    }
  }

  /** Runs a script on keys, in a cluster on keys of one slot. */
  async run(script: RedisScript, keys: readonly string[], words: readonly string[]): Promise<unknown> {
    const [first] = keys
    const parameters = [String(keys.length), ...keys, ...words]
    try {
      return await this.send(first, ['EVALSHA', script.digest, ...parameters])
    } catch (error) {
      const cause = error instanceof HoldfastError ? error.cause : undefined
      if (!(cause instanceof Error) || !cause.message.startsWith('NOSCRIPT')) throw error
      return this.send(first, ['EVAL', script.text, ...parameters])
    }
  }

  /** Milliseconds of a round trip. @throws UNAVAILABLE */
  async ping(): Promise<number> {
    const start = performance.now()
    await this.send('holdfast:ping', ['EXISTS', 'holdfast:ping'], true)
    return performance.now() - start
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#serverId = undefined
    clearTimeout(this.#watch)
    this.#watch = undefined
    this.#link.destroy()
    for (const { reject } of this.#pending) reject(away())
  }

  /** One timer for all that is under way. */
  #lookAtPending(): void {
    this.#watch = undefined
    const now = performance.now()
    for (const pending of this.#pending) {
      if (pending.until > now) {
        this.#watch = setTimeout(() => this.#lookAtPending(), pending.until - now)
        return
      }
      this.#pending.delete(pending)
      // Whoever sent it goes on without the cache; what was sent may still be carried out.
      this.#lose()
      pending.reject(away(new Error(`no answer within ${this.#timeoutMs} ms`)))
    }
  }

  /** Nothing is asked of it until it was found again. */
  #lose(): void {
    if (this.#serverId === undefined || this.#closed) return
    this.#serverId = undefined
    this.#losses += 1
    const error = away()
    for (const { reject } of this.#pending) reject(error)
    this.#invalidate(undefined)
    void this.#lookAgain()
  }

  #invalidate(key: string | undefined): void {
    for (const listener of this.#invalidationListeners) listener(key)
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
    const losses = this.#losses
    let timer: NodeJS.Timeout | undefined
    try {
      const id = await Promise.race([
        this.#identify(),
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(away()), this.#timeoutMs)
          timer.unref()
        }),
      ])
      if (this.#closed || this.#serverId !== undefined || losses !== this.#losses) return
      this.#serverId = id
      for (const listener of this.#listeners) listener()
    } catch {
      // Away still.
    } finally {
      clearTimeout(timer)
    }
  }

  async #identify(): Promise<string> {
    const link = this.#link
    if (link.kind === 'redis') return runIdOf(await link.sendCommand(['INFO', 'server']))
    // Which node answers for a key changes with a failover, and that with the id of a node.
    const nodes = await link.nodes()
    const ids = await Promise.all(
      nodes.map(async (node) => `${node.address} ${runIdOf(await node.sendCommand(['INFO', 'server']))}`),
    )
    if (ids.length === 0) throw away()
    return sha1(ids.toSorted().join())
  }
}

interface ServerLink {
  readonly kind: 'redis'
  sendCommand(words: readonly string[]): Promise<unknown>
}

interface ClusterLink {
  readonly kind: 'redis-cluster'
  sendCommand(key: string | undefined, readOnly: boolean, words: readonly string[]): Promise<unknown>
  nodes(): Promise<readonly { readonly address: string; sendCommand(words: readonly string[]): Promise<unknown> }[]>
}

/** What is used of the library, whose types differ between a server and a cluster. */
type Link = (ServerLink | ClusterLink) & {
  connect(): Promise<unknown>
  destroy(): void
  on(event: string, listener: (...values: readonly unknown[]) => void): void
}

interface PerConnection {
  readonly socket: { readonly connectTimeout: number; readonly reconnectStrategy: (retries: number) => number }
  readonly commandOptions: { readonly timeout: number }
  readonly disableOfflineQueue: boolean
  readonly commandsQueueMaxLength: number
}

function toServer(
  { createClient }: typeof Library,
  url: string | undefined,
  options: PerConnection,
  emitInvalidate: boolean,
): Link {
  const client = createClient({ ...options, RESP: 3, emitInvalidate, ...(url === undefined ? {} : { url }) })
  return {
    kind: 'redis',
    sendCommand: (words) => client.sendCommand(words),
    connect: () => client.connect(),
    destroy: () => client.destroy(),
    on: (event, listener) => void client.on(event, listener),
  }
}

function toCluster({ createCluster }: typeof Library, urls: readonly string[], options: PerConnection): Link {
  const cluster = createCluster({ rootNodes: urls.map((url) => ({ url })), defaults: options })
  return {
    kind: 'redis-cluster',
    sendCommand: (key, readOnly, words) => cluster.sendCommand(key, readOnly, words as string[]),
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

function textOf(key: unknown): string | undefined {
  if (typeof key === 'string') return key
  return Buffer.isBuffer(key) ? key.toString() : undefined
}

function runIdOf(info: unknown): string {
  const id = /^run_id:(\S+)/m.exec(String(info))?.[1]
  if (id === undefined) throw away()
  return id
}

function away(cause?: unknown): HoldfastError {
  return new HoldfastError('UNAVAILABLE', 'The cache cannot be reached: the database answers meanwhile', {
    reason: 'CACHE_AWAY',
    ...(cause === undefined ? {} : { cause }),
  })
}
