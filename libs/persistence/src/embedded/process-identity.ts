import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** What tells one process from every other, also from a later one with the same id. What a system cannot tell is left out
 *  (there is no /proc on macOS). */
export interface ProcessIdentity {
  readonly pid: number
  /** When it was started, in clock ticks since boot: field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
  readonly startedAt?: string
  readonly bootId?: string
  /** Process ids mean nothing across these (containers). */
  readonly pidNamespace?: string
  readonly hostname: string
}

export function thisProcess(): ProcessIdentity {
  const startedAt = startTicks(process.pid)
  const bootId = readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const pidNamespace = readOr(() => readlinkSync('/proc/self/ns/pid'))
  return {
    pid: process.pid,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    hostname: hostname(),
  }
}

export type Liveness = 'running' | 'gone' | 'elsewhere on this machine' | 'on another machine'

/** Whether that process still runs; the last two: nobody here can see that (another container, another host). */
export function livenessOf(other: ProcessIdentity): Liveness {
  const own = thisProcess()
  const sameBoot = other.bootId === own.bootId
  if (other.hostname !== own.hostname && (!sameBoot || own.bootId === undefined)) return 'on another machine'
  if (!sameBoot && other.bootId !== undefined) return 'gone'
  if (other.pidNamespace !== undefined && other.pidNamespace !== own.pidNamespace) return 'elsewhere on this machine'
  if (!exists(other.pid) || isZombie(other.pid)) return 'gone'
  const startedAt = startTicks(other.pid)
  return other.startedAt !== undefined && startedAt !== undefined && other.startedAt !== startedAt ? 'gone' : 'running'
}

function startTicks(pid: number): string | undefined {
  return statFields(pid)?.[19]
}

/** Dead, and not yet waited for by its parent, which in a container may be never. Its other threads are over as well: as long
 *  as one of them writes, it is listed. */
function isZombie(pid: number): boolean {
  const threads = readOr(() => readdirSync(`/proc/${pid}/task`))
  return statFields(pid)?.[0] === 'Z' && threads?.length === 1
}

/** From the third field on: the second, the name in parentheses, may hold spaces and parentheses. */
function statFields(pid: number): string[] | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function exists(pid: number): boolean {
  if (pid <= 0) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
