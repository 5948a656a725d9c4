import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, makeCluster, makeStandby, serverEnvironment } from './cluster.js'
import { backUp, createDatabase, dropDatabase } from './databases.js'
import { freePort } from './free-port.js'
import { childrenOf, signalAll, untilGone } from './processes.js'
import { type Watchdog, startWatchdog } from './watchdog.js'

export interface PostgresOptions {
  /** Server settings, as in postgresql.conf. Default: PostgreSQL's own, so fsync and synchronous_commit are on. */
  readonly settings?: Readonly<Record<string, string>>
  /** `debian`: the newest below /usr/lib/postgresql. Default: from npm, else Debian's. */
  readonly source?: 'any' | 'debian'
}

/** A PostgreSQL of its own in a temporary folder, on the loopback interface, with password authentication (scram). */
export interface PostgresServer extends AsyncDisposable {
  /** As its superuser, to the database `postgres`. */
  readonly url: string
  readonly port: number
  /** Its temporary folder; `data/` and `server.log` are in it. */
  readonly folder: string
  /** Of the postmaster; changes with `restart()`. */
  readonly pid: number
  /** Makes an empty database (default: of a random name) and answers its URL. */
  createDatabase(name?: string): Promise<string>
  dropDatabase(url: string): Promise<void>
  /** A streaming replica of this server, of its own folder and port; stop it before this one. */
  startReplica(): Promise<PostgresServer>
  /** Stops every process of the server where it is (SIGSTOP): connections stay open and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** SIGKILL: the server crashes; its folder stays, for `restart()`. */
  kill(): Promise<void>
  /** Starts it again on the same folder and port; a running one is shut down first. */
  restart(): Promise<void>
  /** Shuts down and removes the folder. Idempotent. */
  stop(): Promise<void>
}

/** @throws when there is no PostgreSQL on this machine, or it does not start (with the end of its log) */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  return startOn(await makeCluster(options.source), options)
}

async function startOn(cluster: Cluster, options: PostgresOptions): Promise<PostgresServer> {
  try {
    for (let attempt = 1; ; attempt++) {
      const server = new LocalPostgres(cluster, await freePort(), options)
      try {
        await server.start()
        return server
      } catch (error) {
        // Somebody else may have taken the port meanwhile.
        if (attempt === 3 || !String(error).includes('Address already in use')) throw error
      }
    }
  } catch (error) {
    await rm(cluster.folder, { recursive: true, force: true })
    throw error
  }
}

class LocalPostgres implements PostgresServer {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly #cluster: Cluster
  readonly #given: Readonly<Record<string, string>>
  readonly #settings: Readonly<Record<string, string>>
  readonly #watchdog: Watchdog
  #process: ChildProcess | undefined

  constructor(cluster: Cluster, port: number, options: PostgresOptions) {
    this.#cluster = cluster
    this.port = port
    this.folder = cluster.folder
    this.url = `postgres://postgres:${cluster.password}@127.0.0.1:${port}/postgres`
    this.#given = options.settings ?? {}
    this.#settings = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: socketFits(cluster.folder, port) ? cluster.folder : '',
      ...options.settings,
    }
    this.#watchdog = startWatchdog(cluster.folder)
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('The test PostgreSQL is not running: call restart() first')
    return pid
  }

  async start(): Promise<void> {
    const { executable, account } = this.#cluster
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const log = openSync(join(this.folder, 'server.log'), 'a')
    const child = spawn(executable, ['-D', join(this.folder, 'data'), ...settings], {
      cwd: this.folder,
      env: serverEnvironment(),
      // In a session of its own: Ctrl-C is for the tests, which then stop the server.
      detached: true,
      stdio: ['ignore', log, log],
      ...account,
    })
    closeSync(log)
    child.unref()
    await once(child, 'spawn')
    this.#process = child
    this.#watchdog.watch(this.pid)
    await this.#untilReady(child)
  }

  async createDatabase(name?: string): Promise<string> {
    return createDatabase(this.url, name)
  }

  async dropDatabase(url: string): Promise<void> {
    await dropDatabase(this.url, url)
  }

  async startReplica(): Promise<PostgresServer> {
    const standby = await makeStandby(this.#cluster, this.port, (copy) => backUp(this.url, copy))
    return startOn(standby, { settings: this.#given })
  }

  async pause(): Promise<void> {
    // The postmaster first, so that it cannot start others meanwhile.
    process.kill(this.pid, 'SIGSTOP')
    signalAll(await childrenOf(this.pid), 'SIGSTOP')
  }

  async resume(): Promise<void> {
    signalAll(await childrenOf(this.pid), 'SIGCONT')
    process.kill(this.pid, 'SIGCONT')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async restart(): Promise<void> {
    await this.#end('SIGINT')
    await this.start()
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT')
    await this.#watchdog.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    // The postmaster writes its state into this file: https://www.postgresql.org/docs/current/storage-file-layout.html
    for (const deadline = Date.now() + 60_000; Date.now() < deadline && isRunning(child); await delay(20)) {
      const state = await readFile(join(this.folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
      if (Number(state.split('\n')[0]) === child.pid && /\bready\s*$/.test(state)) return
    }
    await this.kill()
    await this.#watchdog.stop()
    const log = await readFile(join(this.folder, 'server.log'), 'utf8')
    throw new Error(`The test PostgreSQL did not start:\n${log.split('\n').slice(-20).join('\n')}`)
  }

  async #end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.pid === undefined || !isRunning(child)) return
    const children = await childrenOf(child.pid)
    signalAll(children, 'SIGCONT')
    child.kill('SIGCONT')
    child.ref()
    const exit = once(child, 'exit')
    if (signal === 'SIGKILL') signalAll(children, 'SIGKILL')
    child.kill(signal)
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exit
    clearTimeout(lastResort)
    // They hold the shared memory of a killed postmaster for a moment, and a restart would fail on it.
    await untilGone(children)
    this.#watchdog.watch(0)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** sockaddr_un holds 107 bytes. */
function socketFits(folder: string, port: number): boolean {
  return Buffer.byteLength(`${folder}/.s.PGSQL.${port}`) <= 107
}
