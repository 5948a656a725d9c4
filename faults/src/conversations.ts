import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import type { Message } from '@holdfast/protocol'
import { HoldfastProcess, startPostgres, startRedis } from '@holdfast/test-servers'
import type { CampaignOptions, CampaignReport } from './main.js'
import { randomFrom } from './random.js'

const conversations = 4

/** Kills the server with SIGKILL again and again while writers append with keys and repeat each message until it is acknowledged. In
 *  the end every acknowledged message must be there once, in the place that was acknowledged, and no place may be empty. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const totals = { acknowledged: 0, lost: 0, duplicated: 0, gaps: 0, moved: 0, kills: 0, retries: 0, restart_ms_max: 0 }
  for (const store of options.stores) {
    const figures = await onStore(store, options)
    for (const figure of Object.keys(totals) as (keyof typeof totals)[]) {
      totals[figure] =
        figure === 'restart_ms_max' ? Math.max(totals[figure], figures[figure]) : totals[figure] + figures[figure]
    }
    options.report(`${store}: ${JSON.stringify(figures)}`)
  }
  return { figures: totals, mustBeZero: ['lost', 'duplicated', 'gaps', 'moved'] }
}

interface Acknowledged {
  readonly seq: number
  readonly text: string
}

async function onStore(store: 'embedded' | 'postgres', options: CampaignOptions) {
  const { kills, writers, seed, report } = options
  const random = randomFrom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  await using postgres = store === 'postgres' ? await startPostgres() : undefined
  await using redis = options.redis ? await startRedis() : undefined
  const storeArguments = [
    ...(postgres === undefined ? ['--data', join(folder, 'data')] : ['--database', await postgres.createDatabase()]),
    ...(redis === undefined ? [] : ['--redis', redis.url]),
  ]
  try {
    await using server = await HoldfastProcess.start(storeArguments)
    await using clients = createClients({ address: server.address, maxAttempts: 1, deadlineMs: 5000 })
    const ids = Array.from({ length: conversations }, (_, index) => `campaign-${index}`)
    for (const id of ids) await clients.chat.createConversation({ conversationId: id })

    const acknowledged = new Map<string, Map<string, Acknowledged>>(ids.map((id) => [id, new Map()]))
    let stopping = false
    let retries = 0
    let answers = 0
    const writing = Array.from({ length: writers }, async (_, writer) => {
      for (let n = 0; !stopping; n += 1) {
        const conversationId = ids[(writer + n) % ids.length] ?? ''
        const key = `w${writer}-${n}`
        const text = `message ${n} of writer ${writer}: ${'x'.repeat(n % 200)}`
        for (;;) {
          try {
            const { message } = await clients.chat.sendMessage({
              conversationId,
              key,
              parts: [{ content: { $case: 'text', value: text } }],
            })
            acknowledged.get(conversationId)?.set(key, { seq: message?.seq ?? 0, text })
            answers += 1
            break
          } catch (error) {
            if (!isPassing(error)) throw error
            retries += 1
            await delay(20 + Math.random() * 30)
          }
        }
      }
    })
    const failure = Promise.all(writing).then(() => undefined)
    let restartMs = 0
    const killing = (async () => {
      for (let kill = 1; kill <= kills; kill += 1) {
        // In the middle of the writing, not before the writers are back.
        await until(() => answers >= writers * 4)
        await delay(random() * 300)
        await server.kill()
        answers = 0
        restartMs = Math.max(restartMs, await server.start())
        if (kill % 3 === 0) await redis?.restart()
        else if (kill % 3 === 1) await redis?.command('FLUSHALL')
        if (kill % 10 === 0) report(`${store}: ${kill} of ${kills} kills`)
      }
      await until(() => answers >= writers)
      stopping = true
    })()
    await Promise.all([killing, failure])

    const counts = { lost: 0, duplicated: 0, gaps: 0, moved: 0 }
    let total = 0
    for (const id of ids) {
      const expected = acknowledged.get(id) ?? new Map<string, Acknowledged>()
      total += expected.size
      judge(expected, await allMessages(clients, id), counts)
    }
    return { acknowledged: total, ...counts, kills, retries, restart_ms_max: Math.round(restartMs) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('The writers did not come back within a minute')
    await delay(2)
  }
}

function judge(
  expected: ReadonlyMap<string, Acknowledged>,
  messages: readonly Message[],
  counts: { lost: number; duplicated: number; gaps: number; moved: number },
): void {
  const found = new Map<string, Message>()
  for (const [index, message] of messages.entries()) {
    if (message.seq !== index + 1) counts.gaps += 1
    if (found.has(message.id)) counts.duplicated += 1
    found.set(message.id, message)
  }
  for (const [key, { seq, text }] of expected) {
    const message = found.get(key)
    const content = message?.parts[0]?.content
    if (message === undefined || content?.$case !== 'text' || content.value !== text) counts.lost += 1
    else if (message.seq !== seq) counts.moved += 1
  }
}

async function allMessages(clients: ReturnType<typeof createClients>, conversationId: string): Promise<Message[]> {
  const messages: Message[] = []
  for (let pageToken = ''; ;) {
    const page = await clients.chat.getMessages({ conversationId, pageSize: 1000, pageToken })
    messages.push(...page.messages)
    if (page.nextPageToken === '') return messages
    pageToken = page.nextPageToken
  }
}

/** Failures that a server which is killed and comes back may show; any other ends the campaign. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof HoldfastError && ['UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'CANCELLED'].includes(error.code)
  )
}
