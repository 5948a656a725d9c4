import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'

/** Stands between a driver and a server, and counts how often the client said something after the server had: its round trips. */
export interface CountingProxy extends AsyncDisposable {
  readonly port: number
  readonly roundTrips: number
}

export async function startCountingProxy(port: number): Promise<CountingProxy> {
  let roundTrips = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    let isClientsTurn = true
    client.on('data', () => {
      if (isClientsTurn) roundTrips += 1
      isClientsTurn = false
    })
    upstream.on('data', () => {
      isClientsTurn = true
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get roundTrips() {
      return roundTrips
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
