import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

/** A TCP relay on loopback in front of a server: what a bad network does to connections. */
export interface Relay extends AsyncDisposable {
  /** `127.0.0.1:port`; stays the same. */
  readonly address: string
  /** How many connections stand. */
  readonly connections: number
  /** Destroys all connections, on both sides. */
  cut(): void
  /** From now on connects to this port; `undefined`: refuses to. Existing connections stay. */
  aim(port: number | undefined): void
  /** From now on nothing comes through, though connections stand and are accepted; what was sent meanwhile arrives when it is over. */
  hold(isHeld: boolean): void
}

export async function startRelay(port: number | undefined): Promise<Relay> {
  let target = port
  const sockets = new Map<Socket, Socket>()
  let isHeld = false
  const server = createServer((incoming) => {
    if (target === undefined) {
      incoming.destroy()
      return
    }
    const outgoing = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.set(socket, other)
      socket.setNoDelay(true)
      // A cut shows at both ends as a closed connection; the error itself says nothing more.
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      if (!isHeld) socket.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The relay got no port')
  const cut = () => {
    for (const socket of sockets.keys()) socket.destroy()
  }
  return {
    address: `127.0.0.1:${bound.port}`,
    get connections() {
      return sockets.size / 2
    },
    cut,
    aim: (next) => {
      target = next
    },
    hold: (held) => {
      if (held === isHeld) return
      isHeld = held
      for (const [socket, other] of sockets) {
        if (held) socket.unpipe(other).pause()
        else socket.pipe(other)
      }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
