import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

/** What becomes of a COMMIT: it passes; the connection is cut before the server gets it; after it got it, without waiting; or after it
 *  answered, and before the client has the answer. */
export type Fate = 'pass' | 'cut-before' | 'cut-behind' | 'cut-after'

export interface CommitProxy extends AsyncDisposable {
  readonly url: string
}

/** A proxy in front of PostgreSQL that reads the client's messages far enough to know a COMMIT.
 *  https://www.postgresql.org/docs/current/protocol-message-formats.html */
export async function startCommitProxy(url: string, fateOf: () => Fate): Promise<CommitProxy> {
  const target = new URL(url)
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const pair = [client, upstream] as const
    pairs.add(pair)
    const cut = (): void => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) socket.setNoDelay(true).on('error', cut).on('close', cut)
    const commits = new CommitFinder()
    let isCutNext = false
    upstream.on('data', (bytes) => {
      if (isCutNext) cut()
      else client.write(bytes)
    })
    client.on('data', (bytes) => {
      const fate = commits.holdsCommit(bytes) ? fateOf() : 'pass'
      if (fate === 'cut-before') {
        cut()
        return
      }
      if (fate === 'cut-after') isCutNext = true
      upstream.write(bytes, () => {
        // The server has it in its socket: it commits, and finds out afterwards that nobody listens.
        if (fate === 'cut-behind') cut()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(address.port)
  return {
    url: through.href,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** Follows what one client sends. */
class CommitFinder {
  #rest: Buffer = Buffer.alloc(0)
  #started = false
  /** Names of prepared statements that are COMMIT. */
  readonly #prepared = new Set<string>()

  /** Whether a message that ends in these bytes runs COMMIT. */
  holdsCommit(bytes: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, bytes])
    let found = false
    for (;;) {
      // The first message has no type.
      const header = this.#started ? 1 : 0
      if (this.#rest.length < header + 4) return found
      const end = header + this.#rest.readInt32BE(header)
      if (this.#rest.length < end) return found
      if (this.#started && this.#runsCommit(this.#rest.subarray(0, end))) found = true
      this.#started = true
      this.#rest = this.#rest.subarray(end)
    }
  }

  #runsCommit(message: Buffer): boolean {
    const kind = String.fromCharCode(message[0] ?? 0)
    const [first = '', second = ''] = message.toString('latin1', 5).split('\0')
    if (kind === 'Q') return isCommit(first)
    // Parse: the statement's name, then its text. Bind: the portal's name, then the statement's.
    if (kind === 'P') {
      if (isCommit(second)) this.#prepared.add(first)
      else this.#prepared.delete(first)
      return false
    }
    return kind === 'B' && this.#prepared.has(second)
  }
}

function isCommit(text: string): boolean {
  return /^\s*commit\b/i.test(text)
}
