import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import { type JobContext, type Jobs, jobKind, openJobs, outputOf } from '@holdfast/jobs'
import { openDocumentStore } from '@holdfast/persistence'
import { jobs as wire, vision } from '@holdfast/protocol'
import { createLogger, defineService, startGrpcServer } from '@holdfast/server'
import { jobMethods, submitOptions, takeMedia } from './index.js'

interface Input {
  readonly picture: string
}

/** A service of one task over real jobs: it describes a picture by its size. */
async function startService(work: (input: Input, context: JobContext) => Promise<string>) {
  const store = await openDocumentStore('memory:')
  const kind = jobKind<Input, string>({
    name: 'vision-ai',
    model: () => ({ name: 'ruler', version: '1', provider: 'local' }),
    cache: () => ({}),
    run: work,
  })
  const other = jobKind<unknown, unknown>({ name: 'another', run: () => 1 })
  const jobs: Jobs = await openJobs(store, {
    kinds: [kind, other],
    prices: { ruler: { currency: 'USD', per: { images: '0.01' } } },
  })
  const message = (job: wire.Job, stored: { readonly output?: unknown }, isListed: boolean) =>
    vision.VisionJob.fromPartial({
      job,
      ...(isListed || stored.output === undefined
        ? {}
        : { result: { description: { text: stored.output as string } } }),
    })
  const methods = jobMethods({ jobs, kind: kind.name, message })
  const unused = (): never => assert.fail('not served here')
  const service = defineService(vision.VisionServiceService, {
    ...methods,
    async submit(request) {
      const { id } = await takeMedia(store, request.picture, { field: 'picture', maxBytes: 1000 })
      const job = await jobs.submit(kind, { picture: id }, { ...submitOptions(request.options), inputs: [id] })
      return methods.get({ jobId: job.id }, { annotate: () => {} } as never)
    },
    async describe(request, context) {
      const { id } = await takeMedia(store, request.picture, { field: 'picture', maxBytes: 1000 })
      const options = { ...submitOptions(request.options), inputs: [id], signal: context.signal }
      const job = await jobs.run(kind, { picture: id }, options)
      return vision.DescribeResponse.fromPartial({ description: { text: outputOf(job) } })
    },
    detect: unused,
    readText: unused,
    compare: unused,
  })
  const server = await startGrpcServer({
    services: [service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'silent' }),
  })
  const clients = createClients({ address: server.address })
  return {
    store,
    jobs,
    other,
    client: clients.vision,
    server,
    async [Symbol.asyncDispose]() {
      clients.close()
      await server.stop()
      await jobs.close()
      await store.close()
    },
  }
}

const picture = (text: string) => ({
  source: { $case: 'content' as const, value: Buffer.from(text) },
  contentType: 'image/png',
})

describe('a job of a service', () => {
  it('carries everything over the wire, and its typed result', async () => {
    await using service = await startService(async (_, context) => {
      context.report({ fraction: 0.5, stage: 'measuring', detail: { pixels: 9 } })
      context.usage({ images: 1, computeMs: 3 })
      await context.addOutput(Buffer.from('note'), { role: 'note', contentType: 'text/plain', name: 'note.txt' })
      return 'nine bytes'
    })
    const options = { key: 'k', labels: ['b', 'a'], deadlineMs: 60_000, maxAttempts: 2 }
    const { job: submitted } = await service.client.submit({ picture: picture('123456789'), options })
    const id = submitted?.job?.id ?? assert.fail('no job')
    const cases: string[] = []
    let ended: vision.VisionJob | undefined
    for await (const { event, job } of service.client.watch({ jobId: id })) {
      cases.push(event?.event?.$case ?? 'none')
      ended = job
    }
    assert.equal(cases[0], 'queued')
    assert.equal(cases.at(-1), 'succeeded')
    const { job: got } = await service.client.get({ jobId: id })
    assert.deepEqual(got, ended)
    assert.equal(got?.result?.description?.text, 'nine bytes')
    const job = got.job ?? assert.fail('no job')
    assert.equal(job.state, wire.JobState.SUCCEEDED)
    assert.deepEqual(job.labels, ['a', 'b'])
    assert.equal(job.maxAttempts, 2)
    assert.ok(job.deadline !== undefined && job.createTime !== undefined && job.endTime !== undefined)
    assert.deepEqual(job.model, { name: 'ruler', version: '1', provider: 'local' })
    assert.equal(job.usage?.images, 1)
    assert.deepEqual(job.cost, { amount: '0.01', currency: 'USD' })
    assert.equal(job.inputIds.length, 1)
    assert.deepEqual(JSON.parse(job.inputJson), { picture: job.inputIds[0] })
    assert.equal(job.outputJson, '')
    assert.equal(job.outputs[0]?.role, 'note')
    assert.equal(job.outputs[0]?.name, 'note.txt')
    assert.deepEqual(job.outputs[0]?.inputIds, job.inputIds)
    const again = await service.client.submit({ picture: picture('123456789'), options })
    assert.equal(again.job?.job?.id, id)
    await assert.rejects(service.client.submit({ picture: picture('other'), options }), { code: 'ALREADY_EXISTS' })
  })

  it('is answered by one call, from the cache the second time unless the caller will not', async () => {
    let works = 0
    await using service = await startService(async () => `work ${++works}`)
    const texts: string[] = []
    for (const noCache of [false, false, true]) {
      const { description } = await service.client.describe({ picture: picture('x'), options: { noCache } })
      texts.push(description?.text ?? '')
    }
    assert.deepEqual(texts, ['work 1', 'work 1', 'work 2'])
    const { jobs } = await service.client.list({})
    assert.deepEqual(
      jobs.map(({ job }) => job?.fromCache),
      [false, true, false],
    )
  })

  it('is cancelled, retried, and listed by state and label, page by page', async () => {
    let begun = (): void => {}
    let isFirst = true
    await using service = await startService(async (_, { signal }) => {
      if (!isFirst) return 'at last'
      isFirst = false
      begun()
      await once(signal, 'abort')
      throw signal.reason
    })
    const running = new Promise<void>((resolve) => (begun = resolve))
    const { job } = await service.client.submit({ picture: picture('x'), options: { labels: ['mine'] } })
    const jobId = job?.job?.id ?? ''
    await running
    const { job: cancelled } = await service.client.cancel({ jobId })
    assert.equal(cancelled?.job?.state, wire.JobState.CANCELLED)
    assert.equal(cancelled.job.stopped, true)
    await service.client.retry({ jobId })
    const ends: [string | undefined, wire.JobState | undefined][] = []
    for await (const { event, job: ended } of service.client.watch({ jobId })) {
      if (event?.event?.$case === 'cancelled' || ended !== undefined)
        ends.push([event?.event?.$case, ended?.job?.state])
    }
    assert.deepEqual(ends, [
      ['cancelled', undefined],
      ['succeeded', wire.JobState.SUCCEEDED],
    ])
    for (let index = 0; index < 4; index++) await service.client.describe({ picture: picture(`${index}`) })
    const mine = await service.client.list({ filter: { label: 'mine', states: [wire.JobState.SUCCEEDED] } })
    assert.deepEqual(
      mine.jobs.map(({ job: each, result }) => [each?.id, result]),
      [[jobId, undefined]],
    )
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await service.client.list({ pageSize: 2, pageToken })
      assert.ok(page.jobs.length <= 2)
      seen.push(...page.jobs.map(({ job: each }) => each?.id ?? ''))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    assert.equal(seen.length, 5)
    assert.equal(new Set(seen).size, 5)
  })

  it('of another kind is not found here', async () => {
    await using service = await startService(async () => 'x')
    const { id } = await service.jobs.submit(service.other, {})
    for (const call of [service.client.get, service.client.cancel, service.client.retry]) {
      await assert.rejects(call({ jobId: id }), { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' })
    }
    await assert.rejects(service.client.get({ jobId: 'none' }), { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' })
    await assert.rejects(service.client.get({}), { code: 'INVALID_ARGUMENT' })
    assert.deepEqual((await service.client.list({})).jobs, [])
  })

  it('fails its call with its own failure', async () => {
    await using service = await startService(async () => {
      throw new HoldfastError('FAILED_PRECONDITION', 'No model', {
        reason: 'MODEL_NOT_INSTALLED',
      })
    })
    await assert.rejects(service.client.describe({ picture: picture('x') }), { reason: 'MODEL_NOT_INSTALLED' })
    const { jobs } = await service.client.list({ filter: { states: [wire.JobState.FAILED] } })
    assert.equal(jobs[0]?.job?.error?.reason, 'MODEL_NOT_INSTALLED')
  })

  it('is not watched from behind its end', async () => {
    await using service = await startService(async () => 'x')
    const { job } = await service.client.submit({ picture: picture('x') })
    const jobId = job?.job?.id ?? ''
    for await (const _ of service.client.watch({ jobId })) continue
    const watching = service.client.watch({ jobId, after: 1000 })[Symbol.asyncIterator]().next()
    await assert.rejects(watching, { code: 'OUT_OF_RANGE' })
  })
})

describe('media', () => {
  it('are taken as bytes or by name, within the limit', async () => {
    await using store = await openDocumentStore('memory:')
    const options = { field: 'picture', maxBytes: 5 }
    const taken = await takeMedia(store, wire.Media.fromPartial(picture('12345')), options)
    assert.equal(taken.sizeBytes, 5)
    const byName = wire.Media.fromPartial({ source: { $case: 'artifactId', value: taken.id } })
    assert.deepEqual(await takeMedia(store, byName, options), { ...taken, contentType: 'image/png' })
    const refused: [object | undefined, string][] = [
      [undefined, 'INVALID_ARGUMENT'],
      [{}, 'INVALID_ARGUMENT'],
      [picture(''), 'INVALID_ARGUMENT'],
      [picture('123456'), 'RESOURCE_EXHAUSTED'],
      [{ source: { $case: 'artifactId', value: 'f'.repeat(64) } }, 'NOT_FOUND'],
      [{ source: { $case: 'artifactId', value: '../x' } }, 'NOT_FOUND'],
    ]
    for (const [media, code] of refused) {
      const given = media === undefined ? undefined : wire.Media.fromPartial(media)
      await assert.rejects(takeMedia(store, given, options), { code })
    }
    await assert.rejects(takeMedia(store, byName, { ...options, maxBytes: 4 }), { code: 'RESOURCE_EXHAUSTED' })
  })
})

describe('the options of a job', () => {
  it('are checked with the names that the client wrote', () => {
    assert.deepEqual(submitOptions(undefined), {})
    assert.deepEqual(submitOptions(wire.JobOptions.fromPartial({})), { useCache: true, labels: [] })
    for (const [field, bad] of [
      ['options.key', { key: 'x'.repeat(201) }],
      ['options.deadline_ms', { deadlineMs: -1 }],
      ['options.labels', { labels: Array.from({ length: 33 }, String) }],
      ['options.labels[1]', { labels: ['a', ''] }],
      ['options.max_attempts', { maxAttempts: 21 }],
    ] as [string, Partial<wire.JobOptions>][]) {
      const check = (): unknown => submitOptions(wire.JobOptions.fromPartial(bad))
      assert.throws(check, (error: unknown) => error instanceof HoldfastError && error.fields[0]?.field === field)
    }
  })
})
