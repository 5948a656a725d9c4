import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { type ArtifactClient, createClients } from '@holdfast/grpc-clients'
import { type Jobs, jobKind, openJobs, openLineage } from '@holdfast/jobs'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type artifacts as wire } from '@holdfast/protocol'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { createArtifactService } from './index.js'

const kind = jobKind<{ readonly from: string }, { readonly words: number }>({
  name: 'counting',
  outputRole: 'count',
  model: () => ({ name: 'counter', version: '1', provider: 'local' }),
  parameters: () => ({ unit: 'word' }),
  async run({ from }, context) {
    const text = (await context.store.blobs.bytes(from)).toString()
    await context.addOutput(Buffer.from(text.toUpperCase()), { role: 'loud', contentType: 'text/plain' })
    return { words: text.split(' ').length }
  },
})

interface Running extends AsyncDisposable {
  readonly client: ArtifactClient
  readonly store: DocumentStore
  readonly jobs: Jobs
}

async function start(maxUploadBytes?: number): Promise<Running> {
  const store = await openDocumentStore('memory:')
  const jobs = await openJobs(store, { kinds: [kind] })
  const { service } = createArtifactService({
    store,
    jobs,
    ...(maxUploadBytes === undefined ? {} : { maxUploadBytes }),
  })
  const logger = createLogger({ level: 'silent' })
  const server = await startGrpcServer({ services: [service], listen: '127.0.0.1:0', auth: 'none', logger })
  const clients = createClients({ address: server.address })
  return {
    client: clients.artifacts,
    store,
    jobs,
    async [Symbol.asyncDispose]() {
      clients.close()
      await server.stop()
      await jobs.close()
      await store.close()
    },
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function download(client: ArtifactClient, request: Parameters<ArtifactClient['download']>[0]): Promise<Buffer> {
  const { body, length } = await client.download(request)
  const chunks: Uint8Array[] = []
  for await (const bytes of body) chunks.push(bytes)
  const all = Buffer.concat(chunks)
  assert.equal(all.length, length)
  return all
}

const large = Buffer.alloc(3_000_000, 'Holdfast ')

describe('bytes', () => {
  it('come back as they were sent, whole and in ranges, under their hash', async () => {
    await using service = await start()
    const { client } = service
    const artifact = await client.upload(large, { contentType: 'audio/wav', name: 'a.wav', sha256: sha256(large) })
    assert.equal(artifact.id, sha256(large))
    assert.deepEqual([artifact.role, artifact.name, artifact.sizeBytes], ['upload', 'a.wav', large.length])
    const { id: artifactId } = artifact
    assert.ok((await download(client, { artifactId })).equals(large))
    assert.ok(
      (await download(client, { artifactId, offset: 1_000_001, length: 700_000 })).equals(
        large.subarray(1_000_001, 1_700_001),
      ),
    )
    assert.equal((await download(client, { artifactId, offset: large.length })).length, 0)
    assert.equal(
      (await download(client, { artifactId, offset: large.length - 3, length: 100 })).toString(),
      large.subarray(-3).toString(),
    )
    await assert.rejects(client.download({ artifactId, offset: large.length + 1 }), { code: 'OUT_OF_RANGE' })
    await assert.rejects(client.download({ artifactId, offset: -1 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(client.download({ artifactId: 'f'.repeat(64) }), {
      code: 'NOT_FOUND',
      reason: 'ARTIFACT_NOT_FOUND',
    })
    const { artifact: got } = await client.getArtifact({ artifactId })
    assert.deepEqual(got, artifact)
    assert.equal((await client.upload(large)).id, artifactId)
    assert.equal((await client.upload(new Uint8Array(0))).sizeBytes, 0)
  })

  it('are refused, and nothing of them is kept, when they are not what was said or too many', async () => {
    await using service = await start(1_000_000)
    const { client, store } = service
    const small = Buffer.from('some bytes')
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield large.subarray(0, 100_000)
    }
    for (const [content, header, code, reason] of [
      [small, { sha256: sha256(large) }, 'INVALID_ARGUMENT', 'HASH_MISMATCH'],
      [small, { sizeBytes: 11 }, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      [small, { sha256: 'A' }, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      [small, { name: '../x' }, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      [small, { contentType: 'nonsense' }, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      [large, {}, 'RESOURCE_EXHAUSTED', 'UPLOAD_TOO_LARGE'],
      [endless(), {}, 'RESOURCE_EXHAUSTED', 'UPLOAD_TOO_LARGE'],
    ] as const) {
      await assert.rejects(client.upload(content, header), { code, reason }, JSON.stringify(header))
    }
    assert.equal(await store.blobs.stat(sha256(small)), undefined)
    assert.deepEqual((await openLineage(store).list({ role: 'upload' })).items, [])
    assert.equal((await client.upload(small)).sizeBytes, 10)
  })

  it('of an upload that is cancelled are not kept', async () => {
    await using service = await start()
    const control = new AbortController()
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield large
      await new Promise((resolve) => setTimeout(resolve, 20))
      control.abort()
      await new Promise(() => {})
    }
    await assert.rejects(service.client.upload(cut(), { signal: control.signal }), { code: 'CANCELLED' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual((await openLineage(service.store).list({ role: 'upload' })).items, [])
  })
})

/** `role:id` with what hangs below it. */
function shape({ subject, nodes }: wire.LineageNode): unknown {
  const name = subject?.$case === 'artifact' ? subject.value.role : subject?.$case
  return nodes.length === 0 ? name : [name, ...nodes.map(shape)]
}

describe('lineage', () => {
  it('is a tree, of an artifact in the middle, of a job, and of a message', async () => {
    await using service = await start()
    const { client, jobs, store } = service
    const { id } = await client.upload(Buffer.from('one two three'))
    const job = await jobs.run(kind, { from: id }, { inputs: [id] })
    const loud = job.outputs.find(({ role }) => role === 'loud')?.id ?? ''
    await openLineage(store).derive('talk/1', [loud])
    const up = await client.getLineage({ id: loud })
    assert.deepEqual(up.madeFrom.map(shape), ['upload'])
    assert.deepEqual(up.madeInto.map(shape), ['message'])
    const made = up.node?.subject?.$case === 'artifact' ? up.node.subject.value : undefined
    assert.equal(made?.jobId, job.id)
    assert.equal(made.model?.name, 'counter')
    assert.equal(made.parametersJson, '{"unit":"word"}')
    const root = await client.getLineage({ id })
    assert.deepEqual(
      root.madeInto.map(shape).sort((a, b) => String(a).localeCompare(String(b))),
      ['count', ['loud', 'message']],
    )
    const ofJob = await client.getLineage({ id: job.id })
    assert.equal(ofJob.node?.subject?.$case, 'job')
    const ofMessage = await client.getLineage({ id: 'talk/1' })
    assert.deepEqual(ofMessage.madeFrom.map(shape), [['loud', 'upload']])
    const { madeFrom: near } = await client.getLineage({ id: 'talk/1', depth: 1 })
    assert.deepEqual([near.map(shape), near[0]?.isCut], [['loud'], true])
    await assert.rejects(client.getLineage({ id: 'nothing' }), { code: 'NOT_FOUND' })
    await assert.rejects(client.getLineage({ id, depth: 51 }), { code: 'INVALID_ARGUMENT' })
  })

  it('lets the JSON that a job made be downloaded as any artifact', async () => {
    await using service = await start()
    const { client, jobs } = service
    const { id } = await client.upload(Buffer.from('one two three'))
    const job = await jobs.run(kind, { from: id }, { inputs: [id] })
    const count = job.outputs.find(({ role }) => role === 'count')
    assert.equal((await download(client, { artifactId: count?.id ?? '' })).toString(), '{"words":3}')
  })
})
