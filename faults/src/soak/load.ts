import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { createClients } from '@holdfast/grpc-clients'
import { dag, imageGeneration, jobs, ReplyStatus, textToSpeech } from '@holdfast/protocol'
import type { SessionStore } from '@holdfast/session'
import type { Ledger } from './ledger.js'

export type Clients = ReturnType<typeof createClients>

export interface Load {
  readonly clients: Clients
  readonly sessions: SessionStore
  readonly ledger: Ledger
  /** Between two operations of one worker, in milliseconds, on average; less at first, while all gets warm. */
  readonly pauseMs: number
  readonly signal: { readonly isOver: boolean; readonly isPaused: boolean }
}

/** What a server that is killed, or whose database or Redis went away, may answer; anything else ends the soak. */
const passing: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
])

/** Works until it is over, each worker one operation after the other; each repeats what was not acknowledged with its key, until it is. */
export async function work(load: Load): Promise<void> {
  const rounds = [talks, talks, talks, replies, speeches, images, runs, sessions, sessions]
  await Promise.all(rounds.map((round, worker) => repeatedly(load, (n) => round(load, `${worker}-${n}`))))
}

async function repeatedly(load: Load, round: (n: number) => Promise<void>): Promise<void> {
  const { signal } = load
  for (let n = 0; !signal.isOver; n += 1) {
    if (!signal.isPaused) await round(n)
    await delay(load.pauseMs * (0.5 + Math.random()))
  }
}

async function until<R>({ ledger, pauseMs }: Load, kind: string, call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      const result = await call()
      ledger.done(kind)
      return result
    } catch (error) {
      if (!(error instanceof HoldfastError) || !passing.has(error.code)) throw error
      ledger.again(kind)
      await delay(Math.max(50, pauseMs / 4))
    }
  }
}

const text = (value: string) => [{ content: { $case: 'text' as const, value } }]

/** A conversation of 40 messages, read back whole, and deleted. */
async function talks(load: Load, id: string): Promise<void> {
  const { clients, ledger, signal } = load
  const conversationId = `talk-${id}`
  await until(load, 'conversation', () => clients.chat.createConversation({ conversationId, key: conversationId }))
  const sent = new Map<string, { readonly seq: number; readonly said: string }>()
  for (let n = 0; n < 40 && !signal.isOver; n += 1) {
    const key = `${conversationId}-${n}`
    const said = `message ${n}: ${'x'.repeat((n * 37) % 400)}`
    const { message } = await until(load, 'message', () =>
      clients.chat.sendMessage({ conversationId, key, parts: text(said) }),
    )
    sent.set(key, { seq: message?.seq ?? 0, said })
    await delay(load.pauseMs * Math.random())
  }
  const { messages } = await until(load, 'history', () => clients.chat.getMessages({ conversationId, pageSize: 1_000 }))
  const found = new Set<string>()
  for (const { id: messageId } of messages) {
    if (found.has(messageId)) ledger.isDoubled(`message ${messageId}`)
    found.add(messageId)
  }
  for (const [key, { seq, said }] of sent) {
    const at = messages[seq - 1]
    const content = at?.parts[0]?.content
    if (at?.id !== key || content?.$case !== 'text' || content.value !== said) ledger.isLost(`message ${key}`)
  }
  if (messages.length !== sent.size) ledger.isDoubled(`${messages.length} messages in place of ${sent.size}`)
  await until(load, 'deletion', () => clients.chat.deleteConversation({ conversationId }))
}

/** A streamed reply: what came is what is stored. */
async function replies(load: Load, id: string): Promise<void> {
  const { clients, ledger } = load
  const conversationId = `reply-${id}`
  await until(load, 'conversation', () => clients.chat.createConversation({ conversationId, key: conversationId }))
  await until(load, 'message', () =>
    clients.chat.sendMessage({ conversationId, key: `${id}-fact`, parts: text('My dog is called Rex.') }),
  )
  const { streamed, stored, status } = await until(load, 'reply', async () => {
    let streamed = ''
    const question = { conversationId, key: `${id}-question`, parts: text('What is my dog called?') }
    for await (const { event } of clients.chat.streamChat(question)) {
      if (event?.$case === 'delta') streamed += event.value.text
      if (event?.$case !== 'finished') continue
      const content = event.value.message?.parts[0]?.content
      return { streamed, stored: content?.$case === 'text' ? content.value : '', status: event.value.status }
    }
    throw new HoldfastError('UNAVAILABLE', 'The reply broke off')
  })
  // One whose server was killed ends as interrupted, with what was durable; one whose database was cut off as failed, which it says.
  if (status === ReplyStatus.INTERRUPTED) ledger.done('reply interrupted')
  if (status === ReplyStatus.FAILED) ledger.done('reply failed')
  if (streamed !== stored && status !== ReplyStatus.FAILED)
    ledger.isLost(`of the reply in ${conversationId}: ${streamed} was stored as ${stored}`)
  if (status === ReplyStatus.CANCELLED || status === ReplyStatus.RUNNING) {
    ledger.isWrong(`the reply in ${conversationId} ended with ${status}`)
  }
  await until(load, 'deletion', () => clients.chat.deleteConversation({ conversationId }))
}

/** Work by models that are in the process. Submitted twice under one key, it is one job. */
async function speeches(load: Load, id: string): Promise<void> {
  const { clients, ledger } = load
  const source = { $case: 'text' as const, value: `Sentence ${id} is spoken.` }
  const input = { source, voice: '', speed: 1, format: textToSpeech.AudioFormat.WAV }
  const submit = () => clients.textToSpeech.submit({ input, options: { key: `speech-${id}` } })
  const { job } = await until(load, 'job', submit)
  const again = await until(load, 'job again', submit)
  const jobId = job?.job?.id ?? ''
  if (again.job?.job?.id !== jobId) ledger.isDoubled(`job speech-${id}`)
  const ended = await untilEnded(load, () => clients.textToSpeech.get({ jobId }))
  if (ended?.job?.state !== jobs.JobState.SUCCEEDED) ledger.isWrong(`job speech-${id} is in state ${ended?.job?.state}`)
  else if ((ended.speech?.audio?.sizeBytes ?? 0) < 1_000) ledger.isLost(`the audio of job speech-${id}`)
  await delay(load.pauseMs * 8)
}

async function images(load: Load, id: string): Promise<void> {
  const { clients, ledger } = load
  const spec = {
    prompt: `a red barn, ${id}`,
    size: { width: 128, height: 128 },
    count: 1,
    format: imageGeneration.ImageFormat.PNG,
  }
  const { job } = await until(load, 'job', () =>
    clients.imageGeneration.submit({ spec: { ...spec }, options: { key: `image-${id}` } }),
  )
  const jobId = job?.job?.id ?? ''
  const ended = await untilEnded(load, () => clients.imageGeneration.get({ jobId }))
  if (ended?.job?.state !== jobs.JobState.SUCCEEDED) ledger.isWrong(`job image-${id} is in state ${ended?.job?.state}`)
  else if (ended.images.length !== 1) ledger.isDoubled(`the image of job image-${id}`)
  await delay(load.pauseMs * 8)
}

async function untilEnded<Message extends { readonly job: jobs.Job | undefined }>(
  load: Load,
  get: () => Promise<{ readonly job: Message | undefined }>,
): Promise<Message | undefined> {
  for (;;) {
    const { job } = await until(load, 'look at a job', get)
    if (job?.job?.endTime !== undefined) return job
    await delay(100)
  }
}

const graph = `
name: soak
inputs: { n: { type: number } }
nodes:
  - { id: double, type: transform, with: { value: '\${{ inputs.n * 2 }}' } }
  - { id: each, type: transform, with: { value: '\${{ nodes.double.value + 1 }}' } }
outputs: { answer: '\${{ nodes.each.value }}' }
`

async function runs(load: Load, id: string): Promise<void> {
  const { clients, ledger } = load
  const n = Number(id.split('-')[1])
  const execute = () =>
    clients.dag.executeGraph({
      graph: { $case: 'text', value: graph },
      inputsJson: JSON.stringify({ n }),
      key: `run-${id}`,
    })
  const { execution } = await until(load, 'run', execute)
  const again = await until(load, 'run again', execute)
  const executionId = execution?.id ?? ''
  if (again.execution?.id !== executionId) ledger.isDoubled(`run ${id}`)
  for (;;) {
    const found = await until(load, 'look at a run', () => clients.dag.getExecution({ executionId }))
    const { state, outputsJson } = found.execution ?? {}
    if (found.execution?.endTime === undefined) {
      await delay(100)
      continue
    }
    if (state !== dag.ExecutionState.SUCCEEDED) ledger.isWrong(`run ${id} is in state ${state}`)
    else if (outputsJson !== JSON.stringify({ answer: n * 2 + 1 }))
      ledger.isLost(`the answer of run ${id}: ${outputsJson}`)
    break
  }
  await delay(load.pauseMs * 2)
}

/** A session by the library, cached in the Redis that goes away: a read sees the write before it. */
async function sessions(load: Load, id: string): Promise<void> {
  const { sessions: store, ledger } = load
  const [worker] = id.split('-')
  const key = `soak:${worker}:${Number(id.split('-')[1]) % 50}`
  const value = { id, pad: 'x'.repeat(500) }
  await until(load, 'session write', () => store.write(key, value))
  const read = await until(load, 'session read', () => store.read(key))
  if (!JSON.stringify(read ?? null).includes(`"id":"${id}"`)) ledger.isLost(`session ${key}: ${JSON.stringify(read)}`)
  if (id.endsWith('7')) {
    await until(load, 'session delete', () => store.delete(key))
    const gone = await until(load, 'session read', () => store.read(key))
    if (gone !== null && gone !== undefined) ledger.isWrong(`session ${key} is there after it was deleted`)
  }
}
