import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that the system gives to connections (from 32,768 on Linux, 49,152 elsewhere). A server of such a port that is away for a moment may
 *  find it taken by a connection to somebody else, or by one to itself: who connects to a port that nobody listens on is given that port sometimes. */
const lowest = 10_000
const beyond = 32_768
const tries = 50

/** One on the loopback interface that nobody listens on at the moment, and that no connection is given. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const port = randomInt(lowest, beyond)
    if (await isFree(port)) return port
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
