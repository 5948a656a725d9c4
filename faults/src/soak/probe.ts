import { renameSync, writeFileSync } from 'node:fs'
import { readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process says of itself. Bytes are after a garbage collection. */
export interface Probe {
  readonly at: number
  readonly heapBytes: number
  /** Outside of V8's heap: buffers and what WebAssembly has. */
  readonly externalBytes: number
  readonly rssBytes: number
  /** Open files, sockets included. */
  readonly files: number
  /** Handles of the event loop by kind; sockets to the database and to Redis, whose pools come and go, apart. */
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
  return {
    at: Date.now(),
    heapBytes: heapUsed,
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
  const counts: Record<string, number> = {}
  for (const handle of active) {
    const isPooled = handle instanceof Socket && pooledPorts.has(handle.remotePort ?? 0)
    const kind = isPooled ? 'pooled' : handle.constructor.name
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}
