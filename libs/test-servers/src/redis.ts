import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'
import { startWatchdog, type Watchdog } from './watchdog.js'

const run = promisify(execFile)

export interface RedisOptions {
  /** As in redis.conf. Default: nothing is written to the disk. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: a free one. */
  readonly port?: number
}

/** A Redis of its own in a temporary folder, on the loopback interface. */
export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** One command, by a connection of its own. @returns the reply as text; an error reply throws */
  command(...words: readonly string[]): Promise<string>
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void
  resume(): void
  /** SIGKILL; what it held is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. A running one is killed first. */
  restart(): Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
}

/** Why tests with Redis have to be skipped on this machine; `undefined`: they need not. */
export async function whyNoRedis(): Promise<string | undefined> {
  try {
    await run('redis-server', ['--version'])
    return undefined
  } catch {
    return 'redis-server is not installed: apt-get install redis-server (npm test does it when it runs as root on Debian)'
  }
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new LocalRedis(
      await mkdtemp(join(tmpdir(), 'holdfast-redis-')),
      options.port ?? (await freePort()),
      options.settings ?? {},
    )
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      // Somebody else may have taken the port meanwhile.
      if (attempt === 3 || options.port !== undefined || !String(error).includes('in use')) throw error
    }
  }
}

export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[]
  readonly urls: readonly string[]
  stop(): Promise<void>
}

/** Masters without replicas that share all slots. */
export async function startRedisCluster(size = 3): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    while (nodes.length < size) {
      const port = await freePort(busAbove)
      nodes.push(await startRedis({ port, settings: { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' } }))
    }
    const [first] = nodes
    for (const [index, node] of nodes.entries()) {
      const from = Math.floor((16_384 * index) / size)
      const to = Math.floor((16_384 * (index + 1)) / size) - 1
      await node.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(first?.port))
    }
    for (const deadline = Date.now() + 20_000; ; await delay(50)) {
      const states = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO')))
      const known = states.every(
        (state) => state.includes('cluster_state:ok') && state.includes(`cluster_known_nodes:${size}`),
      )
      if (known) break
      if (Date.now() > deadline) throw new Error('The nodes of the test Redis Cluster did not find each other')
    }
    return { nodes, urls: nodes.map(({ url }) => url), stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A node of a cluster listens on its port, and to the other nodes so far above it. */
const busAbove = 10_000

class LocalRedis implements RedisServer {
  readonly url: string
  readonly port: number
  readonly #folder: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #watchdog: Watchdog
  #process: ChildProcess | undefined

  constructor(folder: string, port: number, settings: Readonly<Record<string, string>>) {
    this.#folder = folder
    this.port = port
    this.url = `redis://127.0.0.1:${port}`
    this.#settings = {
      port: String(port),
      bind: '127.0.0.1',
      dir: folder,
      save: '',
      appendonly: 'no',
      'enable-debug-command': 'local',
      ...settings,
    }
    this.#watchdog = startWatchdog(folder)
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('The test Redis is not running: call restart() first')
    return pid
  }

  async start(): Promise<void> {
    const log = openSync(join(this.#folder, 'server.log'), 'a')
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => [`--${name}`, value])
    const child = spawn('redis-server', settings, { cwd: this.#folder, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    child.unref()
    await once(child, 'spawn')
    this.#process = child
    this.#watchdog.watch(this.pid)
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await delay(10)) {
      if (child.exitCode !== null || child.signalCode !== null) break
      if ((await this.command('PING').catch(() => '')) === '+PONG') return
    }
    const text = await readFile(join(this.#folder, 'server.log'), 'utf8')
    throw new Error(`The test Redis did not start:\n${text.split('\n').slice(-10).join('\n')}`)
  }

  command(...words: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1')
      socket.setTimeout(5_000, () => socket.destroy(new Error('The test Redis did not answer within 5 s')))
      let reply = ''
      socket.on('error', reject)
      socket.on('data', (chunk) => {
        reply += chunk.toString()
        const end = reply.indexOf('\r\n')
        if (end === -1) return
        const first = reply.slice(0, end)
        // A bulk string says its length; replies with lists are not needed here.
        if (first.startsWith('$') && first !== '$-1') {
          const length = Number(first.slice(1))
          if (Buffer.byteLength(reply) < end + 2 + length + 2) return
          reply = Buffer.from(reply)
            .subarray(end + 2, end + 2 + length)
            .toString()
        } else {
          reply = first
        }
        socket.end()
        if (reply.startsWith('-')) reject(new Error(`Redis answered ${reply}`))
        else resolve(reply)
      })
      socket.on('close', () => reject(new Error('The test Redis closed the connection')))
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`)
    })
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    this.#watchdog.watch(0)
  }

  async restart(): Promise<void> {
    await this.kill()
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.start()
        return
      } catch (error) {
        await this.kill()
        if (attempt === 5) throw error
        await delay(100)
      }
    }
  }

  async stop(): Promise<void> {
    await this.kill()
    await this.#watchdog.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
