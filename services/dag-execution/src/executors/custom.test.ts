import assert from 'node:assert/strict'
import { it } from 'node:test'
import { dag } from '@holdfast/protocol'
import { HoldfastError } from '@holdfast/errors'
import { createLogger, defineService, startGrpcServer } from '@holdfast/server'
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
