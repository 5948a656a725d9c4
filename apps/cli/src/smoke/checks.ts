import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { dag, imageGeneration, jobs, ReplyStatus, textToSpeech } from '@holdfast/protocol'

/** Something that a deployment has to do. @returns what was seen; `undefined`: nothing to say */
export interface SmokeCheck {
  readonly name: string
  readonly run: (home: SmokeHome) => Promise<string | undefined>
}

export interface SmokeHome {
  readonly clients: Clients
  /** Without a credential; absent: none is given. */
  readonly strangers?: Clients
  /** Ends everything when the time is over. */
  readonly signal: AbortSignal
  /** What is made has this in its id, so that two runs at once do not meet. */
  readonly id: string
  /** Run in the end, whatever happened, the last first. */
  readonly cleanUp: (work: () => Promise<unknown>) => void
}

/** The deployment does not have that. */
export class NotServed extends Error {}

/** Checks of one service, one after the other: each needs what the ones before have made. */
export const smokeChains: readonly (readonly SmokeCheck[])[] = [
  [
    { name: 'create', run: create },
    { name: 'read', run: read },
    { name: 'update', run: update },
    { name: 'repeat', run: repeat },
    { name: 'stream', run: stream },
    { name: 'errors', run: errors },
    { name: 'delete', run: remove },
  ],
  [{ name: 'credentials', run: credentials }],
  [{ name: 'speech', run: speech }],
  [{ name: 'pictures', run: pictures }],
  [{ name: 'graphs', run: graphs }],
]

const text = (value: string) => [{ content: { $case: 'text' as const, value } }]
const conversationOf = ({ id }: SmokeHome): string => `smoke-${id}`

async function create(home: SmokeHome): Promise<string> {
  const { clients, signal, cleanUp } = home
  const conversationId = conversationOf(home)
  // Also if the answer does not come.
  cleanUp(() => clients.chat.deleteConversation({ conversationId }))
  const request = { conversationId, key: conversationId, title: 'Smoke test' }
  const { conversation } = await clients.chat.createConversation(request, { signal })
  expectSame('the id', conversation?.id, conversationId)
  return conversationId
}

async function read(home: SmokeHome): Promise<undefined> {
  const { conversation } = await home.clients.chat.getConversation({ conversationId: conversationOf(home) }, home)
  expectSame('the title', conversation?.title, 'Smoke test')
}

async function update(home: SmokeHome): Promise<undefined> {
  const { clients, signal } = home
  const conversationId = conversationOf(home)
  await clients.chat.updateConversation({ conversationId, title: 'Changed' }, { signal })
  const { conversation } = await clients.chat.getConversation({ conversationId }, { signal })
  expectSame('the title', conversation?.title, 'Changed')
}

/** The same call with the same key is one message; with other content it is refused. */
async function repeat(home: SmokeHome): Promise<undefined> {
  const { clients, signal } = home
  const conversationId = conversationOf(home)
  const send = (said: string) =>
    clients.chat.sendMessage({ conversationId, key: 'smoke', parts: text(said) }, { signal })
  const first = await send('My dog is called Rex.')
  const second = await send('My dog is called Rex.')
  expectSame('the place of the repeated message', second.message?.seq, first.message?.seq)
  await expectCode('ALREADY_EXISTS', send('Something else.'))
}

async function stream(home: SmokeHome): Promise<string> {
  const { clients, signal } = home
  const question = { conversationId: conversationOf(home), parts: text('What is my dog called?') }
  let streamed = ''
  for await (const { event } of clients.chat.streamChat(question, { signal })) {
    if (event?.$case === 'delta') streamed += event.value.text
    if (event?.$case !== 'finished') continue
    const content = event.value.message?.parts[0]?.content
    expectSame('the status', event.value.status, ReplyStatus.COMPLETE)
    expectSame('the stored reply', content?.$case === 'text' ? content.value : undefined, streamed)
    return `${streamed.length} characters`
  }
  throw new HoldfastError('UNAVAILABLE', 'The stream ended before the reply did')
}

/** Bad input is told as such, with the field, and what is not there is not there. */
async function errors({ clients, signal }: SmokeHome): Promise<undefined> {
  const bad = await expectCode(
    'INVALID_ARGUMENT',
    clients.chat.createConversation({ conversationId: 'x'.repeat(100_000) }, { signal }),
  )
  if (bad.fields.length === 0) throw new HoldfastError('INTERNAL', 'Bad input is refused without naming the field')
  await expectCode('NOT_FOUND', clients.chat.getConversation({ conversationId: randomUUID() }, { signal }))
}

async function remove(home: SmokeHome): Promise<undefined> {
  const { clients, signal } = home
  const conversationId = conversationOf(home)
  await clients.chat.deleteConversation({ conversationId }, { signal })
  await expectCode('NOT_FOUND', clients.chat.getConversation({ conversationId }, { signal }))
}

/** Whoever presents nothing gets nothing. */
async function credentials({ strangers, signal }: SmokeHome): Promise<undefined> {
  if (strangers === undefined) throw new NotServed()
  await expectCode('UNAUTHENTICATED', strangers.chat.listConversations({ pageSize: 1 }, { signal }))
}

/** Records of jobs cannot be deleted: one stays, and its sound, which is the same each time, is kept once. */
async function speech({ clients, signal, id }: SmokeHome): Promise<string> {
  const source = { $case: 'text' as const, value: 'Hello.' }
  const input = { source, voice: '', speed: 1, format: textToSpeech.AudioFormat.WAV }
  const options = { key: `smoke-${id}`, labels: ['smoke'], noCache: true }
  const { job } = await served(clients.textToSpeech.submit({ input, options }, { signal }))
  const done = await ended(signal, job?.job?.id ?? '', (request) => clients.textToSpeech.get(request, { signal }))
  const { body } = await clients.artifacts.download({ artifactId: done.speech?.audio?.id ?? '' }, { signal })
  let bytes = 0
  for await (const piece of body) bytes += piece.length
  expectSame('the size of the sound', bytes, done.speech?.audio?.sizeBytes)
  return `${bytes} bytes by ${done.job?.model?.name ?? 'nobody'}`
}

async function pictures({ clients, signal, id }: SmokeHome): Promise<string> {
  const spec = { prompt: 'a red barn', size: { width: 128, height: 128 }, count: 1, seed: 7 }
  const request = { spec: { ...spec, format: imageGeneration.ImageFormat.PNG } }
  const options = { key: `smoke-${id}`, labels: ['smoke'], noCache: true }
  const { job } = await served(clients.imageGeneration.submit({ ...request, options }, { signal }))
  const done = await ended(signal, job?.job?.id ?? '', (about) => clients.imageGeneration.get(about, { signal }))
  expectSame('the number of pictures', done.images.length, 1)
  return `${done.images[0]?.image?.sizeBytes ?? 0} bytes by ${done.job?.model?.name ?? 'nobody'}`
}

async function ended<Message extends { readonly job: jobs.Job | undefined }>(
  signal: AbortSignal,
  jobId: string,
  get: (request: { readonly jobId: string }) => Promise<{ readonly job: Message | undefined }>,
): Promise<Message> {
  for (;;) {
    const { job } = await get({ jobId })
    if (job?.job?.state === jobs.JobState.SUCCEEDED) return job
    if (job?.job?.endTime !== undefined) {
      const { code = 'UNKNOWN', message = 'nobody knows why' } = job.job.error ?? {}
      throw new HoldfastError('FAILED_PRECONDITION', `The job failed with ${code}: ${message}`)
    }
    await delay(50, undefined, { signal })
  }
}

const graph = `
name: holdfast-smoke
inputs: { n: { type: number } }
nodes:
  - { id: double, type: transform, with: { value: '\${{ inputs.n * 2 }}' } }
outputs: { answer: '\${{ nodes.double.value }}' }
`

async function graphs({ clients, signal, id }: SmokeHome): Promise<string> {
  const { problems } = await served(clients.dag.validateGraph({ graph: 'name: no graph' }, { signal }))
  if (problems.length === 0) throw new HoldfastError('INTERNAL', 'A graph that is none is found valid')
  const request = { graph: { $case: 'text' as const, value: graph }, inputsJson: '{"n":21}', key: `smoke-${id}` }
  const { execution } = await clients.dag.executeGraph(request, { signal })
  const executionId = execution?.id ?? ''
  for (;;) {
    const { execution: now } = await clients.dag.getExecution({ executionId }, { signal })
    if (now?.endTime === undefined) {
      await delay(50, undefined, { signal })
      continue
    }
    expectSame('the state of the run', now.state, dag.ExecutionState.SUCCEEDED)
    expectSame('the outputs of the run', now.outputsJson, '{"answer":42}')
    return executionId
  }
}

/** @throws NotServed */
async function served<R>(call: Promise<R>): Promise<R> {
  try {
    return await call
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'UNIMPLEMENTED') throw new NotServed()
    throw error
  }
}

async function expectCode(code: string, call: Promise<unknown>): Promise<HoldfastError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (failure instanceof HoldfastError && failure.code === code) return failure
  if (failure !== undefined) throw failure
  throw new HoldfastError('INTERNAL', `A call that has to fail with ${code} did not`)
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (found === expected) return
  const [seen, wanted] = [found, expected].map((value) => JSON.stringify(value)?.slice(0, 200))
  throw new HoldfastError('INTERNAL', `${what} is ${seen}, not ${wanted}`)
}
