import { HoldfastError } from '@holdfast/errors'
import { randomUUID } from 'node:crypto'
import {
  linkSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ProcessIdentity, livenessOf, thisProcess } from './process-identity.js'

const heartbeatMs = 5_000
/** A heartbeat older than this is nobody's, wherever its owner ran. */
const deadHeartbeatMs = 30_000
/** An owner of the same machine that cannot be seen (a container, which may have been restarted since) shows itself within
 *  this time. */
const watchMs = 2 * heartbeatMs + 1_000
/** How long others are given to finish taking the folder; it takes them less than a millisecond. */
const patienceMs = 10_000
/** Stands for the token of an owner whose file holds none. */
const unreadable = 'unreadable'

interface Owner extends ProcessIdentity {
  /** Of this one taking of the lock. */
  readonly token: string
  readonly since: string
}

/** A folder belongs to one process at a time, because two PGlite instances on one folder destroy it. `owner.json` in the folder
 *  names the owner; its modification time is the owner's heartbeat. */
export class FolderLock {
  readonly #folder: string
  readonly #owner: Owner
  readonly #heartbeat: NodeJS.Timeout

  private constructor(folder: string, owner: Owner, onLost: () => void) {
    this.#folder = folder
    this.#owner = owner
    this.#heartbeat = setInterval(() => {
      if (this.#beat() !== 'lost') return
      clearInterval(this.#heartbeat)
      onLost()
    }, heartbeatMs).unref()
  }

  /** @param onLost called once if another process took the folder over, because this one was stopped for long
   *  @throws FAILED_PRECONDITION (reason FOLDER_IN_USE) naming the owner */
  static async take(folder: string, onLost: () => void = () => {}): Promise<FolderLock> {
    const owner: Owner = { ...thisProcess(), token: randomUUID(), since: new Date().toISOString() }
    const candidate = fileOf(folder, `${owner.token}.candidate`)
    writeFileSync(candidate, `${JSON.stringify(owner, undefined, 2)}\n`, { flag: 'wx' })
    try {
      for (let deadline = Date.now() + patienceMs + watchMs; !tryLink(candidate, fileOf(folder)); await delay(5)) {
        const current = read(fileOf(folder))
        if (current === undefined) continue
        if (Date.now() > deadline || (await isAlive(folder, current))) throw inUse(folder, current)
        if (replace(folder, current, owner, candidate)) break
      }
    } finally {
      tryUnlink(candidate)
    }
    removeRemains(folder)
    return new FolderLock(folder, owner, onLost)
  }

  release(): void {
    clearInterval(this.#heartbeat)
    if (this.#isMine()) tryUnlink(fileOf(this.#folder))
  }

  #beat(): 'beaten' | 'lost' | 'unclear' {
    try {
      if (!this.#isMine()) return 'lost'
      const now = new Date()
      utimesSync(fileOf(this.#folder), now, now)
      return 'beaten'
    } catch {
      // A disk that fails now may answer again at the next beat.
      return 'unclear'
    }
  }

  #isMine(): boolean {
    return read(fileOf(this.#folder))?.token === this.#owner.token
  }
}

/** Puts `owner` in the place of `dead`, in at most one of all processes that try. A claim (a file of its own name for each
 *  dead owner and attempt, made by link(2), which fails if it is there) gives the right to replace that very owner;
 *  the next claim is only made when the process with the last one has died too. So between looking and replacing nobody else
 *  can have replaced it, however long that takes.
 *  @returns `false`: somebody else did */
function replace(folder: string, dead: Owner, owner: Owner, candidate: string): boolean {
  for (let attempt = 1; ; attempt++) {
    const claim = fileOf(folder, `${dead.token}.claim${attempt}`)
    if (tryLink(candidate, claim)) {
      try {
        if (read(fileOf(folder))?.token !== dead.token) return false
        const fresh = fileOf(folder, `${owner.token}.owner`)
        linkSync(candidate, fresh)
        renameSync(fresh, fileOf(folder))
        return true
      } finally {
        removeClaims(folder, dead.token)
      }
    }
    const claimant = read(claim)
    if (claimant === undefined || livenessOf(claimant) !== 'gone') return false
  }
}

function removeClaims(folder: string, token: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`owner.json.${token}.claim`)) tryUnlink(join(folder, name))
  }
}

/** What processes left that died while they tried. */
function removeRemains(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith('owner.json.')) continue
    const remains = read(join(folder, name))
    // What cannot be read may be a candidate that its process has made and not written yet.
    if (remains === undefined || remains.token === unreadable) continue
    if (livenessOf(remains) === 'gone') tryUnlink(join(folder, name))
  }
}

async function isAlive(folder: string, owner: Owner): Promise<boolean> {
  const liveness = livenessOf(owner)
  if (liveness === 'running' || liveness === 'gone') return liveness === 'running'
  const seen = heartbeatOf(folder)
  if (seen === undefined || Date.now() - seen > deadHeartbeatMs) return false
  if (liveness === 'on another machine') return true
  for (const deadline = Date.now() + watchMs; Date.now() < deadline; await delay(250)) {
    if (heartbeatOf(folder) !== seen) return read(fileOf(folder))?.token === owner.token
  }
  return false
}

function heartbeatOf(folder: string): number | undefined {
  return statSync(fileOf(folder), { throwIfNoEntry: false })?.mtimeMs
}

function inUse(folder: string, owner: Owner): HoldfastError {
  const where = owner.hostname === thisProcess().hostname ? '' : ` on ${owner.hostname}`
  const who = owner.pid === process.pid && where === '' ? `this process (${owner.pid})` : `process ${owner.pid}${where}`
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `The data folder ${folder} is in use by ${who} since ${owner.since}: stop it, or use another folder, or a PostgreSQL server to share data`,
    { reason: 'FOLDER_IN_USE', metadata: { folder, pid: String(owner.pid), hostname: owner.hostname } },
  )
}

function fileOf(folder: string, suffix?: string): string {
  return join(folder, suffix === undefined ? 'owner.json' : `owner.json.${suffix}`)
}

/** `undefined`: it is gone. A file that is not an owner (emptied by a full disk or a crash) is an owner that is gone. */
function read(file: string): Owner | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const owner: unknown = JSON.parse(text)
    if (isOwner(owner)) return owner
  } catch {
    // Not JSON: as below.
  }
  return { pid: 0, hostname: thisProcess().hostname, token: unreadable, since: 'unknown' }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false
  const { pid, hostname, token, since } = value as Record<string, unknown> & Partial<Record<keyof Owner, unknown>>
  return Number.isInteger(pid) && [hostname, token, since].every((text) => typeof text === 'string')
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

function tryUnlink(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
