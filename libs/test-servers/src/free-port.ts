import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that the system gives to connections (from 32,768 on Linux, 49,152 elsewhere). A server of such a port that is away for a moment may
 *  find it taken by a connection to somebody else, or by one to itself: who connects to a port that nobody listens on is given that port sometimes. */
const lowest = 10_000
const beyond = 32_768
const tries = 50

/** One on the loopback interface that nobody listens on at the moment, and that no connection is given.
 *  @param above how far above it another one has to be as free, for a server that listens on both */
export async function freePort(above = 0): Promise<number> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const port = randomInt(lowest, beyond - above)
    if ((await isFree(port)) && (above === 0 || (await isFree(port + above)))) return port
  }
  throw new Error('There is no free port on 127.0.0.1')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
