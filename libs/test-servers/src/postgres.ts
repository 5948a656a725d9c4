import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, chown, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createDatabase, dropDatabase, urlOfDatabase } from './databases.js'
import { findPostgres } from './postgres-binaries.js'
import { unprivilegedAccount } from './unprivileged-account.js'
import { startWatchdog } from './watchdog.js'

const run = promisify(execFile)

export interface PostgresOptions {
  /** Server settings, as in postgresql.conf; default: durable (fsync and synchronous_commit on), 100 connections. */
  readonly settings?: Readonly<Record<string, string>>
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
  const account = unprivilegedAccount()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pg-'))
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const binaries = await findPostgres(folder, account)
    const password = randomBytes(16).toString('hex')
    await initialise(binaries.initdb, folder, password, account)
    const port = await freePort()
    const postgres = new LocalPostgres({ folder, port, password, executable: binaries.postgres, account, options })
    await postgres.start()
    return postgres
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

interface Setup {
  readonly folder: string
  readonly port: number
  readonly password: string
  readonly executable: string
  readonly account: { readonly uid: number; readonly gid: number } | undefined
  readonly options: PostgresOptions
}

class LocalPostgres implements PostgresServer {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly #setup: Setup
  #process: ChildProcess | undefined
  #watchdog: { stop(): void } | undefined

  constructor(setup: Setup) {
    this.#setup = setup
    this.port = setup.port
    this.folder = setup.folder
    this.url = `postgres://postgres:${setup.password}@127.0.0.1:${setup.port}/postgres`
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('The test PostgreSQL is not running: call restart() first')
    return pid
  }

  async start(): Promise<void> {
    const { folder, port, executable, account, options } = this.#setup
    const settings: Record<string, string> = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: socketFits(folder, port) ? folder : '',
      max_connections: '100',
      ...options.settings,
    }
    const log = openSync(join(folder, 'server.log'), 'a')
    const child = spawn(
      executable,
      ['-D', join(folder, 'data'), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      // A process group of its own: Ctrl-C in the terminal is for the tests, which then stop the server.
      { cwd: folder, detached: true, stdio: ['ignore', log, log], ...account },
    )
    closeSync(log)
    child.unref()
    await once(child, 'spawn')
    this.#process = child
    child.once('exit', () => {
      if (this.#process === child) this.#process = undefined
    })
    this.#watchdog = startWatchdog(this.pid, folder)
    await this.#untilReady(child)
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    // The postmaster writes its state as the last line of this file: https://www.postgresql.org/docs/current/storage-file-layout.html
    const deadline = Date.now() + 60_000
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) break
      const state = await readFile(join(this.folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
      if (Number(state.split('\n')[0]) === child.pid && /\bready\s*$/.test(state)) return
      await delay(20)
    }
    const log = await readFile(join(this.folder, 'server.log'), 'utf8').catch(() => '')
    await this.kill()
    throw new Error(`The test PostgreSQL did not start:\n${log.split('\n').slice(-20).join('\n')}`)
  }

  async createDatabase(name?: string): Promise<string> {
    return createDatabase(this.url, name)
  }

  async dropDatabase(url: string): Promise<void> {
    await dropDatabase(this.url, urlOfDatabase(url).name)
  }

  async pause(): Promise<void> {
    // The postmaster first, so that it cannot start others meanwhile.
    process.kill(this.pid, 'SIGSTOP')
    await signalAll(await childrenOf(this.pid), 'SIGSTOP')
  }

  async resume(): Promise<void> {
    await signalAll(await childrenOf(this.pid), 'SIGCONT')
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
    await rm(this.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const children = await childrenOf(child.pid)
      await signalAll(children, 'SIGCONT')
      child.kill('SIGCONT')
      const exit = once(child, 'exit')
      child.ref()
      if (signal === 'SIGKILL') await signalAll(children, 'SIGKILL')
      child.kill(signal)
      const lastResort = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exit
      clearTimeout(lastResort)
      await untilGone(children)
    }
    this.#watchdog?.stop()
    this.#watchdog = undefined
    this.#process = undefined
  }
}

async function initialise(
  initdb: string,
  folder: string,
  password: string,
  account: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, `${password}\n`)
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid)
  await chmod(passwordFile, 0o600)
  const arguments_ = ['-D', join(folder, 'data'), '-U', 'postgres', `--pwfile=${passwordFile}`]
  arguments_.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync')
  // A language's order as the default, as most servers have it, so that a sort that forgets COLLATE "C" is found out.
  const icu = ['--locale-provider=icu', '--icu-locale=en-US']
  const options = { cwd: folder, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', TZ: 'UTC' }, ...account }
  try {
    await run(initdb, [...arguments_, ...icu], options)
  } catch {
    await rm(join(folder, 'data'), { recursive: true, force: true })
    await run(initdb, arguments_, options)
  }
  await rm(passwordFile)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port on 127.0.0.1')
  return address.port
}

/** sockaddr_un holds 107 bytes. */
function socketFits(folder: string, port: number): boolean {
  return Buffer.byteLength(`${folder}/.s.PGSQL.${port}`) <= 107
}

async function childrenOf(pid: number): Promise<number[]> {
  if (process.platform === 'linux') {
    const found: number[] = []
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '')
      // The name (in parentheses) may hold spaces: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) found.push(Number(entry))
    }
    return found
  }
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []))
}

async function signalAll(pids: readonly number[], signal: NodeJS.Signals): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}

/** A killed postmaster's children hold its shared memory for a moment, and a restart would fail on it. */
async function untilGone(pids: readonly number[]): Promise<void> {
  const isThere = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const deadline = Date.now() + 10_000
  while (pids.some(isThere) && Date.now() < deadline) await delay(10)
}
