import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

/** Stands between a client and a server and can fail as a network does. */
export interface Proxy extends AsyncDisposable {
  /** The server's URL, through the proxy. */
  readonly url: string
  /** Resets every connection (RST, both sides) and answers how many there were. New ones are accepted. */
  cut(): number
  stop(): Promise<void>
}

/** @param url of a server that speaks TCP: `postgres://…`, `http://…`, `redis://…`, with a port */
export async function startProxy(url: string): Promise<Proxy> {
  const target = new URL(url)
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) socket.setNoDelay(true).on('error', end).on('close', end)
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(address.port)

  const cut = (): number => {
    const { size } = pairs
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy()
    return size
  }
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    cut()
    await once(server, 'close')
  }
  return { url: through.href, cut, stop, [Symbol.asyncDispose]: stop }
}
