import { setTimeout as delay } from 'node:timers/promises'
import { asHoldfastError } from '@holdfast/errors'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { ReplyStatus } from '@holdfast/protocol'
import { HoldfastProcess, startPacedModel, startPostgres } from '@holdfast/test-servers'
import type { CampaignOptions, CampaignReport } from './main.js'
import { randomFrom } from './random.js'

const rounds = { quick: 2, usual: 10, long: 50 } as const
const pieces = Array.from({ length: 60 }, (_, index) => `piece ${index} `)
const whole = pieces.join('')

/** Restarts three servers on one PostgreSQL, one after the other, again and again, by SIGTERM as a deployment does, while clients that know all
 *  three addresses write, read, change, stream and subscribe. No call may fail, and what was acknowledged must be there once. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const { report, seed, length, writers } = options
  const random = randomFrom(seed)
  await using model = await startPacedModel(pieces, 10)
  await using postgres = await startPostgres()
  const database = await postgres.createDatabase()
  const environment = { HOLDFAST_MODEL_BASE_URL: model.baseUrl, HOLDFAST_MODEL_NAME: 'paced' }
  const start = (): Promise<HoldfastProcess> => HoldfastProcess.start(['--database', database], environment)
  await using first = await start()
  await using second = await start()
  await using third = await start()
  const fleet = [first, second, third]
  await using clients = createClients({ address: fleet.map((server) => server.address) })
  const load = new Load(clients, report)
  const working = load.run(writers)
  const stopsMs: number[] = []
  for (let round = 1; round <= rounds[length]; round += 1) {
    for (const server of fleet) {
      await delay(200 + random() * 300)
      const before = performance.now()
      await server.stop()
      stopsMs.push(performance.now() - before)
      await server.start()
    }
    report(`round ${round} of ${rounds[length]}: ${load.calls} calls, ${load.failed} failed`)
  }
  load.stop()
  await working
  const { lost, doubled } = await load.judge()
  const figures = {
    rounds: rounds[length],
    restarts: stopsMs.length,
    calls: load.calls,
    failed: load.failed,
    broken_replies: load.brokenReplies,
    lost,
    doubled,
    call_ms_max: Math.round(load.slowestMs),
    stop_ms_max: Math.round(Math.max(...stopsMs)),
  }
  return { figures, mustBeZero: ['failed', 'broken_replies', 'lost', 'doubled'] }
}

/** What clients do all the time. */
class Load {
  calls = 0
  failed = 0
  brokenReplies = 0
  slowestMs = 0
  readonly #clients: Clients
  readonly #report: (line: string) => void
  readonly #stopped = new AbortController()
  /** Keys of acknowledged messages, by conversation. */
  readonly #acknowledged = new Map<string, string[]>()
  readonly #seen = new Map<string, Set<string>>()

  constructor(clients: Clients, report: (line: string) => void) {
    this.#clients = clients
    this.#report = report
  }

  async run(writers: number): Promise<void> {
    const work = Array.from({ length: writers }, (_, writer) => this.#write(`rolling-${writer}`))
    const replies = [this.#converse('talk-1'), this.#converse('talk-2')]
    await Promise.all([...work, ...replies])
  }

  stop(): void {
    this.#stopped.abort()
  }

  async judge(): Promise<{ lost: number; doubled: number }> {
    let [lost, doubled] = [0, 0]
    for (const [conversationId, keys] of this.#acknowledged) {
      const stored = new Map<string, number>()
      let pageToken = ''
      do {
        const page = await this.#clients.chat.getMessages({ conversationId, pageSize: 1000, pageToken })
        for (const { id } of page.messages) stored.set(id, (stored.get(id) ?? 0) + 1)
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      const seen = this.#seen.get(conversationId) ?? new Set()
      lost += keys.filter((key) => !stored.has(key) || !seen.has(key)).length
      doubled += [...stored.values()].filter((times) => times > 1).length
    }
    return { lost, doubled }
  }

  async #write(conversationId: string): Promise<void> {
    const { chat } = this.#clients
    const keys: string[] = []
    this.#acknowledged.set(conversationId, keys)
    await this.#call('CreateConversation', () => chat.createConversation({ conversationId }))
    const subscription = this.#subscribe(conversationId)
    for (let n = 0; !this.#stopped.signal.aborted; n += 1) {
      const key = `${conversationId}-${n}`
      const parts = [{ content: { $case: 'text' as const, value: `message ${n}` } }]
      const sent = await this.#call('SendMessage', () => chat.sendMessage({ conversationId, key, parts }))
      if (sent !== undefined) keys.push(key)
      await this.#call('GetMessages', () => chat.getMessages({ conversationId, newestFirst: true, pageSize: 10 }))
      // Neither has a key, so that a lost answer would be a failure.
      await this.#call('UpdateConversation', () => chat.updateConversation({ conversationId, title: `${n}` }))
      await this.#call('PatchState', () => chat.patchState({ conversationId, mergePatchJson: JSON.stringify({ n }) }))
    }
    // What was sent last is still on its way.
    for (let waits = 0; waits < 100 && (this.#seen.get(conversationId)?.size ?? 0) < keys.length; waits += 1)
      await delay(50)
    subscription.end()
    await subscription.ended
  }

  #subscribe(conversationId: string): { end(): void; ended: Promise<void> } {
    const abort = new AbortController()
    const seen = new Set<string>()
    this.#seen.set(conversationId, seen)
    const follow = async (): Promise<void> => {
      try {
        const events = this.#clients.chat.subscribeToConversation({ conversationId }, { signal: abort.signal })
        for await (const { event } of events) {
          if (event?.$case === 'message') seen.add(event.value.id)
        }
      } catch (error) {
        if (!abort.signal.aborted) this.#fails('SubscribeToConversation', error)
      }
    }
    return { end: () => abort.abort(), ended: follow() }
  }

  async #converse(conversationId: string): Promise<void> {
    const { chat } = this.#clients
    await this.#call('CreateConversation', () => chat.createConversation({ conversationId }))
    const parts = [{ content: { $case: 'text' as const, value: 'Tell me all.' } }]
    while (!this.#stopped.signal.aborted) {
      await this.#call('StreamChat', async () => {
        let text = ''
        let end = ''
        for await (const { event } of chat.streamChat({ conversationId, parts })) {
          if (event?.$case === 'delta') text += event.value.text
          if (event?.$case === 'finished') {
            const { status, message } = event.value
            const { code = '', message: why = '' } = message?.reply?.error ?? {}
            end = `${nameOf(status)} ${code} ${why}`.trim()
          }
        }
        if (end === 'COMPLETE' && text === whole) return
        this.brokenReplies += 1
        this.#report(`A reply of ${whole.length} ended after ${text.length}: ${end}`)
      })
    }
  }

  async #call<R>(name: string, run: () => Promise<R>): Promise<R | undefined> {
    const before = performance.now()
    try {
      return await run()
    } catch (error) {
      this.#fails(name, error)
      return undefined
    } finally {
      this.calls += 1
      if (name !== 'StreamChat') this.slowestMs = Math.max(this.slowestMs, performance.now() - before)
    }
  }

  #fails(name: string, error: unknown): void {
    const { code, reason, message } = asHoldfastError(error, name)
    this.failed += 1
    this.#report(`${name} failed: ${code} ${reason}: ${message}`)
  }
}

function nameOf(status: ReplyStatus): string {
  return Object.entries(ReplyStatus).find(([, value]) => value === status)?.[0] ?? `status ${status}`
}
