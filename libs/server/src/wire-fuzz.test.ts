import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { EchoClient, startEcho } from './echo.test.fixture.js'

/** The long form is `npm run faults -- fuzz`. */
describe('what no client would send', () => {
  it('does not end the server when it is no HTTP/2', async () => {
    await using server = await startEcho({})
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const socket = connect(server.port, '127.0.0.1')
        socket.on('error', () => {}).resume()
        const closed = once(socket, 'close').catch(() => {})
        socket.write(index % 2 === 0 ? randomBytes(100) : Buffer.concat([preface, randomBytes(100)]))
        setTimeout(() => socket.destroy(), 50)
        await closed
      }),
    )
    using client = new EchoClient(server.address)
    assert.equal(await client.echo('still there'), 'still there')
  })

  it('gets a status of the caller’s own fault when it is no message', async () => {
    await using server = await startEcho({})
    const session = connectHttp2(`http://${server.address}`)
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const body =
          index % 2 === 0
            ? randomBytes(index)
            : Buffer.concat([Buffer.from([index % 3, 0, 0, 0, index]), randomBytes(index)])
        const headers = {
          ':method': 'POST',
          ':path': '/holdfast.test.v1.Echo/Echo',
          'content-type': 'application/grpc',
          te: 'trailers',
          'grpc-timeout': '2S',
        }
        const stream = session.request(headers)
        let status: number | undefined
        const read = (told: Readonly<Record<string, unknown>>): void => {
          if (told['grpc-status'] !== undefined) status = Number(told['grpc-status'])
        }
        stream
          .on('response', read)
          .on('trailers', read)
          .on('error', () => {})
          .resume()
          .end(body)
        await once(stream, 'close')
        return status ?? (stream.rstCode === 0 ? 'none' : 'reset')
      }),
    )
    session.close()
    for (const status of statuses)
      assert.ok(status === 'reset' || (status !== 'none' && ![2, 15].includes(status)), String(status))
    using client = new EchoClient(server.address)
    assert.equal(await client.echo('still there'), 'still there')
  })
})
