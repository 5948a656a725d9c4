import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { echoDefinition, startEcho } from '../echo.test.fixture.js'
import type { GrpcServer } from '../grpc-server.js'
import { createMetrics } from '../metrics.js'
import { type Identity, invalidCredential } from './authenticator.js'

const roles = { 'holdfast.test.v1.Echo': { Echo: 'writer', Repeat: 'reader', Join: 'admin' } } as const
const identity: Identity = {
  caller: { tenant: 'acme', role: 'writer', credential: 'k' },
  expiresAt: Number.POSITIVE_INFINITY,
  reaches: () => true,
  stillStands: () => Promise.resolve(),
}
const bad = ['', 'Bearer wrong', 'Bearer slowly-wrong', 'Basic good']

describe('a credential is looked at before the message is read', () => {
  let server: GrpcServer
  let session: ClientHttp2Session
  const metrics = createMetrics()
  let served = 0
  let isRevoked = false

  before(async () => {
    const authenticate = (token: string): Identity | Promise<Identity> => {
      if (token.startsWith('slowly-')) return delay(20).then(() => authenticate(token.slice('slowly-'.length)))
      if (token !== 'good' || isRevoked) throw invalidCredential()
      return identity
    }
    const echo = (text: string): Promise<string> => {
      served += 1
      return Promise.resolve(text)
    }
    server = await startEcho({ echo }, { auth: { authenticate }, roles, metrics })
    session = connect(`http://${server.address}`)
  })

  after(async () => {
    session.destroy()
    await server.stop()
  })

  function open(authorization: string, method: keyof typeof echoDefinition = 'echo'): ClientHttp2Stream {
    return session.request({
      ':method': 'POST',
      ':path': echoDefinition[method].path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(authorization === '' ? {} : { authorization }),
    })
  }

  async function statusOf(stream: ClientHttp2Stream): Promise<string> {
    stream.on('error', () => {}).resume()
    const [headers] = (await once(stream, 'response')) as [Record<string, string | undefined>]
    return (
      headers['grpc-status'] ?? ((await once(stream, 'trailers')) as [Record<string, string>])[0]['grpc-status'] ?? ''
    )
  }

  for (const credential of bad) {
    it(`refuses ${credential || 'no credential'} though no message ever comes`, async () => {
      const methods = ['echo', 'repeat', 'join', 'talk'] as const
      const statuses = await Promise.all(methods.map((method) => statusOf(open(credential, method))))
      assert.deepEqual(statuses, ['16', '16', '16', '16'])
    })
  }

  it('refuses a role that is too low in the same way, and a method that is open to nobody', async () => {
    assert.deepEqual(
      await Promise.all([statusOf(open('Bearer good', 'join')), statusOf(open('Bearer slowly-good', 'talk'))]),
      ['7', '7'],
    )
  })

  it('receives no more from a caller that goes on sending after it was refused', async () => {
    const stream = open('Bearer wrong')
    // A message of 16 MiB, which is within what a message may be, a piece at a time.
    const header = Buffer.alloc(5)
    header.writeUInt32BE(16 * 1024 * 1024, 1)
    stream.write(header)
    assert.equal(await statusOf(stream), '16')
    const piece = Buffer.alloc(16 * 1024)
    const sending = setInterval(() => stream.write(piece), 5)
    const closed = once(stream, 'close').then(() => 'closed')
    const outcome = await Promise.race([closed, delay(5000, 'still open', { ref: false })])
    clearInterval(sending)
    assert.equal(outcome, 'closed')
  })

  it('serves who is let in, also when that took a look-up, and however late the message comes', async () => {
    const servedBefore = served
    const message = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69])
    const streams = [open('Bearer good'), open('Bearer slowly-good')]
    await delay(40)
    const statuses = streams.map(statusOf)
    for (const stream of streams) stream.end(message)
    assert.deepEqual(await Promise.all(statuses), ['0', '0'])
    assert.equal(served - servedBefore, 2)
  })

  it('refuses a credential that was revoked while the message was on its way', async () => {
    const servedBefore = served
    const stream = open('Bearer good')
    await delay(40)
    isRevoked = true
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]))
    assert.equal(await statusOf(stream), '16')
    isRevoked = false
    assert.equal(served, servedBefore)
  })

  it('leaves no trace of a caller that is gone before its credential was found out', async () => {
    const stream = open('Bearer slowly-good', 'join')
    stream.on('error', () => {}).close()
    await once(stream, 'close')
    await delay(40)
    assert.equal(await statusOf(open('Bearer wrong')), '16')
  })

  it('counts who was refused as any call', async () => {
    const refused = (await metrics.text()).split('\n').filter((line) => line.includes('UNAUTHENTICATED'))
    assert.ok(
      refused.some((line) => line.includes('Echo')),
      refused.join('\n'),
    )
  })
})
