import { ChildProcess } from 'node:child_process'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { getHeapCodeStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process says of itself. Bytes are after a garbage collection. */
export interface Probe {
  readonly at: number
  /** V8's heap without `codeBytes`. */
  readonly heapBytes: number
  /** What V8 has compiled of the program, which goes on for as long as functions become hot or meet something new. */
  readonly codeBytes: number
  /** Outside of V8's heap: buffers and what WebAssembly has. */
  readonly externalBytes: number
  readonly rssBytes: number
  /** Open files, sockets included. */
  readonly files: number
  /** Handles of the event loop by kind; sockets to the database and to Redis, whose pools come and go, apart. A child process is one, with its pipes. */
  readonly handles: Readonly<Record<string, number>>
}

/** Loaded into a server by `node --import`: at each SIGUSR2 it writes a probe into the folder. */
const folder = process.env['SOAK_FOLDER']
const pooledPorts = new Set((process.env['SOAK_POOLED_PORTS'] ?? '').split(',').map(Number))

if (folder !== undefined) {
  process.on('SIGUSR2', () => {
    const file = join(folder, `${process.pid}.json`)
    writeFileSync(`${file}.part`, JSON.stringify(probe()))
    renameSync(`${file}.part`, file)
  })
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export function probe(): Probe {
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  const code = getHeapCodeStatistics()
  const codeBytes = code.code_and_metadata_size + code.bytecode_and_metadata_size
  return {
    at: Date.now(),
    heapBytes: heapUsed - codeBytes,
    codeBytes,
    externalBytes: external,
    rssBytes: rss,
    files: filesOpen(),
    handles: handles(),
  }
}

function filesOpen(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

/** `_getActiveHandles` is not documented, and the only one that tells which sockets. */
function handles(): Record<string, number> {
  const active = (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles()
  const ofChildren = new Set<unknown>()
  for (const child of active) {
    if (child instanceof ChildProcess) for (const pipe of child.stdio) ofChildren.add(pipe)
  }
  const counts: Record<string, number> = {}
  for (const handle of active) {
    if (ofChildren.has(handle)) continue
    const isPooled = handle instanceof Socket && pooledPorts.has(handle.remotePort ?? 0)
    const kind = isPooled ? 'pooled' : handle.constructor.name
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  // The channel of a child is a Pipe that cannot be told from others.
  const pipes = (counts['Pipe'] ?? 0) - (counts['ChildProcess'] ?? 0)
  return { ...counts, Pipe: Math.max(0, pipes) }
}
