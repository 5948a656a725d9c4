import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import { ReplyStatus } from '@holdfast/protocol'
import { HoldfastProcess, startPacedModel, startPostgres, startRedis } from '@holdfast/test-servers'
import type { CampaignOptions, CampaignReport } from './main.js'
import { randomFrom } from './random.js'

type Clients = ReturnType<typeof createClients>

const cuts = 200
const cutsPerReply = 20
const pieces = Array.from({ length: 300 }, (_, index) => `${index % 7 === 0 ? 'größer 𝄞 ' : 'token '}${index} `)
const whole = pieces.join('')

/** Cuts the stream of a reply at random points and resumes it behind the last cursor: the bytes must be those of a stream that was
 *  never cut. Then kills the server in the middle of replies: what was seen must be there, and the reply must end as interrupted
 *  with the same bytes for everybody. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const totals = { cuts: 0, mismatches: 0, kills: 0, complete: 0, holes: 0, unfinished: 0 }
  await using model = await startPacedModel(pieces, 5)
  const environment = { HOLDFAST_MODEL_BASE_URL: model.baseUrl, HOLDFAST_MODEL_NAME: 'paced' }
  for (const store of options.stores) {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
    try {
      await using postgres = store === 'postgres' ? await startPostgres() : undefined
      await using redis = options.redis ? await startRedis() : undefined
      const storeArguments = [
        ...(postgres === undefined
          ? ['--data', join(folder, 'data')]
          : ['--database', await postgres.createDatabase()]),
        ...(redis === undefined ? [] : ['--redis', redis.url]),
      ]
      await using server = await HoldfastProcess.start(storeArguments, environment)
      await using clients = createClients({ address: server.address })
      const random = randomFrom(options.seed)
      for (let reply = 0; reply < cuts / cutsPerReply; reply += 1) {
        const result = await cutReply(clients, `cut-${reply}`, random)
        totals.cuts += result.cuts
        totals.mismatches += result.mismatches
      }
      options.report(`${store}: cut ${totals.cuts} times, ${totals.mismatches} mismatches`)
      for (let kill = 0; kill < options.kills; kill += 1) {
        if (kill % 3 === 2) await redis?.restart()
        const result = await killReply(server, clients, `kill-${kill}`, random)
        if (result.unfinished > 0) options.report(`${store}: kill ${kill}: the reply ended as ${result.ending}`)
        totals.kills += 1
        totals.complete += result.complete
        totals.holes += result.holes
        totals.unfinished += result.unfinished
      }
      options.report(`${store}: killed ${options.kills} times, ${totals.holes} holes, ${totals.unfinished} unfinished`)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return { figures: totals, mustBeZero: ['mismatches', 'holes', 'unfinished'] }
}

async function begin(clients: Clients, conversationId: string): Promise<string> {
  await clients.chat.createConversation({ conversationId })
  const abort = new AbortController()
  const events = clients.chat.streamChat(
    { conversationId, key: 'question', parts: [{ content: { $case: 'text', value: 'Tell me all.' } }] },
    { signal: abort.signal },
  )
  for await (const { event } of events) {
    if (event?.$case !== 'started') continue
    abort.abort()
    return event.value.replyId
  }
  throw new Error(`The reply in ${conversationId} did not start`)
}

interface Reading {
  text: string
  cursor: number
  status: ReplyStatus | undefined
  stored: string | undefined
}

/** Reads on until the end, or until `stopAfter` more pieces came. */
async function readOn(clients: Clients, replyId: string, reading: Reading, stopAfter = Infinity): Promise<void> {
  const abort = new AbortController()
  let left = stopAfter
  try {
    for await (const { event } of clients.chat.resumeStream(
      { replyId, after: reading.cursor },
      { signal: abort.signal },
    )) {
      if (event?.$case === 'delta') {
        reading.text += event.value.text
        reading.cursor = event.value.cursor
        left -= 1
      } else if (event?.$case === 'finished') {
        reading.status = event.value.status
        const content = event.value.message?.parts[0]?.content
        reading.stored = content?.$case === 'text' ? content.value : ''
      }
      if (left <= 0) abort.abort()
    }
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === 'CANCELLED')) throw error
  }
}

const unread = (): Reading => ({ text: '', cursor: 0, status: undefined, stored: undefined })

async function cutReply(clients: Clients, conversationId: string, random: () => number) {
  const replyId = await begin(clients, conversationId)
  const uncut = unread()
  const reading = unread()
  const neverCut = readOn(clients, replyId, uncut)
  let done = 0
  while (done < cutsPerReply && reading.status === undefined) {
    await readOn(clients, replyId, reading, Math.floor(random() * 15))
    done += 1
  }
  await readOn(clients, replyId, reading)
  await neverCut
  const same = reading.text === uncut.text && uncut.text === whole && uncut.stored === whole
  return { cuts: done, mismatches: same && reading.status === ReplyStatus.COMPLETE ? 0 : 1 }
}

async function killReply(server: HoldfastProcess, clients: Clients, conversationId: string, random: () => number) {
  const replyId = await begin(clients, conversationId)
  const before = unread()
  await readOn(clients, replyId, before, 1 + Math.floor(random() * 150))
  await server.kill()
  await server.start()
  const seen = before.text
  await readOn(clients, replyId, before)
  const fresh = unread()
  await readOn(clients, replyId, fresh)
  const kept = before.text.startsWith(seen) && whole.startsWith(before.text) && fresh.text === before.text
  const stored = fresh.stored === fresh.text
  // On a busy machine a reply may be over before whoever reads it has the server killed.
  const isComplete = fresh.status === ReplyStatus.COMPLETE && fresh.text === whole
  return {
    holes: kept && stored ? 0 : 1,
    complete: isComplete ? 1 : 0,
    unfinished: isComplete || fresh.status === ReplyStatus.INTERRUPTED ? 0 : 1,
    ending: `${nameOf(fresh.status)}, ${fresh.text.length} of ${whole.length} characters`,
  }
}

function nameOf(status: ReplyStatus | undefined): string {
  return Object.entries(ReplyStatus).find(([, value]) => value === status)?.[0] ?? 'nothing'
}
