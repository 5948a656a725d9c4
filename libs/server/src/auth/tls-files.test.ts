import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { Client, type ClientReadableStream, Metadata, credentials } from '@grpc/grpc-js'
import { echoDefinition, silent, startEcho } from '../echo.test.fixture.js'
import { createMetrics, serveMetrics } from '../metrics.js'
import { invalidCredential, type Authenticator } from './authenticator.js'
import { TlsFiles } from './tls-files.js'

const made = (name: string): string => join(import.meta.dirname, '..', '..', 'test-certificates', name)
const text = (value: string): Buffer => Buffer.from(value)
const intervalMs = 20

const anybody: Authenticator = {
  authenticate: (token) => {
    if (token !== 'good') throw invalidCredential()
    return {
      caller: { tenant: 'acme', role: 'admin', credential: 'k' },
      expiresAt: Infinity,
      reaches: () => true,
      stillStands: () => Promise.resolve(),
    }
  },
}
const roles = { 'holdfast.test.v1.Echo': { Echo: 'reader', Repeat: 'reader' } } as const

describe('TLS', () => {
  let folder: string
  let ca: Buffer
  const place = (name: string): string => join(folder, name)
  const install = async (name: string, parts: readonly ('key' | 'pem')[] = ['key', 'pem']): Promise<void> => {
    for (const part of parts) await copyFile(made(`${name}.${part}`), place(`server.${part}`))
  }
  const openFiles = (more: { clientCa?: string } = {}): Promise<TlsFiles> =>
    TlsFiles.open({ certificate: place('server.pem'), key: place('server.key'), intervalMs, logger: silent, ...more })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
    ca = await readFile(made('ca.pem'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const headers = (): Metadata => {
    const metadata = new Metadata()
    metadata.set('authorization', 'Bearer good')
    return metadata
  }

  const echo = (client: Client, deadlineMs = 10_000): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs }
      client.makeUnaryRequest(echoDefinition.echo.path, text, String, 'hi', headers(), options, (error, answer) =>
        error ? reject(error) : resolve(answer ?? ''),
      )
    })

  async function nameAt(port: number): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return String(subject.CN)
  }

  it('renews its certificate under load without a failed call, on old connections and new ones', async () => {
    await install('server-1')
    using tls = await openFiles()
    const repeat = async function* (word: string) {
      for (let n = 0; n < 1000; n++) {
        yield `${word}${n}`
        await delay(5)
      }
    }
    await using server = await startEcho({ repeat }, { auth: anybody, roles, tls })
    const dial = (): Client =>
      new Client(server.address, credentials.createSsl(ca), { 'grpc.use_local_subchannel_pool': 1 })
    const [old, young] = [dial(), dial()]
    const stream: ClientReadableStream<string> = old.makeServerStreamRequest(
      echoDefinition.repeat.path,
      text,
      String,
      'x',
      headers(),
    )
    let streamed = 0
    let streamError: unknown
    stream.on('data', () => streamed++).on('error', (error) => (streamError = error))
    let isOver = false
    let calls = 0
    const failures: unknown[] = []
    const load = [
      ...Array.from({ length: 4 }, async () => {
        while (!isOver)
          await echo(old).then(
            () => calls++,
            (error) => failures.push(error),
          )
      }),
      // A connection for each call.
      ...Array.from({ length: 2 }, async () => {
        while (!isOver) {
          const client = dial()
          await echo(client).then(
            () => calls++,
            (error) => failures.push(error),
          )
          client.close()
        }
      }),
    ]
    assert.equal(await nameAt(server.port), 'server-1')
    for (const [round, name] of ['server-2', 'server-1', 'server-2'].entries()) {
      // For a moment key and certificate are not of each other.
      await install(name, ['key'])
      await delay(intervalMs * 3)
      await install(name, ['pem'])
      while ((await nameAt(server.port)) !== name) await delay(intervalMs)
      assert.ok(calls > round)
    }
    const before = streamed
    while (streamed <= before + 3 && streamError === undefined) await delay(5)
    isOver = true
    await Promise.all(load)
    assert.deepEqual(failures, [])
    assert.equal(await echo(young), 'hi')
    stream.cancel()
    assert.ok(streamed > before)
    for (const client of [old, young]) client.close()
  })

  it('lets in only clients with a certificate of its own roots, where it asks for one', async () => {
    await install('server-1')
    using tls = await openFiles({ clientCa: made('ca.pem') })
    await using server = await startEcho({}, { auth: anybody, roles, tls })
    const dial = async (name?: string): Promise<Client> => {
      const own = name === undefined ? [] : [await readFile(made(`${name}.key`)), await readFile(made(`${name}.pem`))]
      return new Client(server.address, credentials.createSsl(ca, ...own), { 'grpc.use_local_subchannel_pool': 1 })
    }
    const known = await dial('client')
    const others = await Promise.all([dial('stranger'), dial()])
    assert.equal(await echo(known), 'hi')
    for (const other of others) await assert.rejects(echo(other, 1500))
    for (const client of [known, ...others]) client.close()
    // The process calls itself without a certificate, on this machine only, and not without a credential.
    const own = new Client(server.ownAddress, credentials.createInsecure())
    assert.match(server.ownAddress, /^127\.0\.0\.1:/)
    assert.equal(await echo(own), 'hi')
    own.close()
  })

  it('is what it takes, with authentication, to be reached from elsewhere', async () => {
    await install('server-1')
    using tls = await openFiles()
    const listen = '0.0.0.0:0'
    const reason = 'LISTEN_UNPROTECTED'
    await assert.rejects(startEcho({}, { listen, auth: anybody, roles }), {
      reason,
      message: /HOLDFAST_TLS_CERTIFICATE/,
    })
    await assert.rejects(startEcho({}, { listen, auth: 'none', tls }), { reason, message: /HOLDFAST_AUTH/ })
    await using server = await startEcho({}, { listen, auth: anybody, roles, tls })
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createSsl(ca))
    assert.equal(await echo(client), 'hi')
    client.close()
  })

  it('protects metrics, with a token', async () => {
    await install('server-1')
    using tls = await openFiles()
    await assert.rejects(serveMetrics(createMetrics(), { listen: '0.0.0.0:0', tls }), { reason: 'LISTEN_UNPROTECTED' })
    await using server = await serveMetrics(createMetrics(), { listen: '127.0.0.1:0', token: 'prometheus' })
    const get = (authorization?: string) =>
      fetch(`http://${server.address}/metrics`, authorization === undefined ? {} : { headers: { authorization } })
    for (const header of [undefined, 'Bearer prometheu', 'Basic prometheus'])
      assert.equal((await get(header)).status, 401)
    assert.equal((await get('Bearer prometheus')).status, 200)
  })

  it('refuses files that are not there or not of each other, naming them', async () => {
    await install('server-1')
    await install('server-2', ['key'])
    await assert.rejects(openFiles(), { reason: 'TLS_FILES_WRONG', message: /tls\.certificate.*tls\.key/ })
    const options = { certificate: place('none.pem'), key: place('server.key') }
    await assert.rejects(TlsFiles.open(options), {
      reason: 'TLS_FILES_UNREADABLE',
      message: /tls\.certificate.*ENOENT/,
    })
  })
})
