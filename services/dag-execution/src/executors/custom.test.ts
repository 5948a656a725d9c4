import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { dag } from '@holdfast/protocol'
import { HoldfastError } from '@holdfast/errors'
import { TlsFiles, createLogger, defineService, startGrpcServer } from '@holdfast/server'
import { customServices } from './custom.js'
import type { NodeCall } from './node-executor.js'

const call = (more: Partial<NodeCall> = {}): NodeCall => ({
  key: 'dag:r:n:1',
  run: 'r',
  tenant: 'default',
  node: 'n',
  type: 'custom',
  attempt: 1,
  input: { service: 'shop', input: { x: 1 } },
  signal: new AbortController().signal,
  report: () => {},
  ...more,
})

it('a custom node calls a service of the user’s with its key, takes what it answers, and passes on how it fails', async () => {
  const seen: dag.RunNodeRequest[] = []
  const cancelled: boolean[] = []
  await using server = await startGrpcServer({
    services: [
      defineService(dag.NodeServiceService, {
        async runNode(request, { signal }) {
          seen.push(request)
          if (request.node === 'bad') throw new HoldfastError('RESOURCE_EXHAUSTED', 'sold out', { reason: 'SOLD_OUT' })
          if (request.node === 'slow')
            await new Promise((resolve) => signal.addEventListener('abort', () => resolve(cancelled.push(true))))
          return { outputJson: '{"sold":2}' }
        },
        // A service that has nothing to tell.
        async *watchNode() {
          yield* []
          throw new HoldfastError('UNIMPLEMENTED', 'WatchNode is not served')
        },
      }),
    ],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    drainMs: 500,
  })
  using services = customServices({ shop: server.address })
  assert.deepEqual(await services.execute(call()), { output: { sold: 2 } })
  assert.deepEqual([seen[0]?.key, seen[0]?.inputJson], ['dag:r:n:1', '{"x":1}'])
  await assert.rejects(services.execute(call({ node: 'bad' })), { code: 'RESOURCE_EXHAUSTED', reason: 'SOLD_OUT' })
  await assert.rejects(services.execute(call({ input: { service: 'other' } })), { reason: 'SERVICE_NOT_CONFIGURED' })
  const control = new AbortController()
  const slow = services.execute(call({ node: 'slow', signal: control.signal }))
  while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  control.abort()
  await assert.rejects(slow, { code: 'CANCELLED' })
  while (cancelled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
})

const telling = defineService(dag.NodeServiceService, {
  async runNode() {
    throw new HoldfastError('INTERNAL', 'WatchNode is to be asked')
  },
  async *watchNode({ node }) {
    yield { event: { $case: 'progressJson' as const, value: '{"done":0.5}' } }
    if (node?.node === 'bad') throw new HoldfastError('RESOURCE_EXHAUSTED', 'sold out')
    if (node?.node !== 'silent')
      yield { event: { $case: 'outputJson' as const, value: `{"for":${JSON.stringify(node?.key)}}` } }
  },
})

it('a custom node tells how far its service is, if that says so', async () => {
  await using server = await startGrpcServer({
    services: [telling],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    drainMs: 500,
  })
  using services = customServices({ shop: server.address })
  const told: unknown[] = []
  const report = (progress: unknown) => told.push(progress)
  assert.deepEqual(await services.execute(call({ report })), { output: { for: 'dag:r:n:1' } })
  assert.deepEqual(told, [{ done: 0.5 }])
  await assert.rejects(services.execute(call({ node: 'bad' })), { code: 'RESOURCE_EXHAUSTED' })
  await assert.rejects(services.execute(call({ node: 'silent' })), { code: 'INTERNAL' })
})

it('a custom node calls by TLS, and nobody whom nobody vouches for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-custom-'))
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const files = ['-keyout', key, '-out', certificate]
    const asked = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
    try {
      await promisify(execFile)('openssl', [...asked, ...names, ...files])
    } catch {
      return t.skip('openssl is not installed')
    }
    using tls = await TlsFiles.open({ certificate, key })
    await using server = await startGrpcServer({
      services: [telling],
      listen: '127.0.0.1:0',
      auth: 'none',
      tls,
      logger: createLogger({ level: 'fatal' }),
      drainMs: 500,
    })
    using known = customServices({ shop: `tls://${server.address}` }, { ca: await readFile(certificate) })
    assert.deepEqual(await known.execute(call()), { output: { for: 'dag:r:n:1' } })
    using unknown = customServices({ shop: `tls://${server.address}` })
    await assert.rejects(unknown.execute(call()), { code: 'UNAVAILABLE' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
