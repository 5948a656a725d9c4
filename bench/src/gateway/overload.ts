import { HoldfastError } from '@holdfast/errors'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { HoldfastProcess } from '@holdfast/test-servers'
import { rounded } from '../rounds.js'
import type { GatewayWorld } from './world.js'

/** Enough to keep a server busy all the time. */
const callersAtCapacity = 32
const clientCount = 8
const messages = 100
const conversationId = 'overload'
const pauseMs = 5

/** What a server serves when four times as many calls come as it can serve: calls answered a second over those at capacity, with the project's own clients,
 *  which hear its refusals. And how long calls take at half its capacity. A call reads a page of 100 messages. Calls come at their rate whether or not
 *  others were answered; they have 5 s and no second attempt. The first second of the overload is not counted. */
export async function overload({ rounds: pairs, ms, metric, note }: GatewayWorld): Promise<void> {
  const rounds = Math.ceil(pairs / 3)
  await using server = await HoldfastProcess.start(['--database', 'memory:'], { HOLDFAST_LOG_LEVEL: 'error' })
  const load = new Load(server.address)
  try {
    await load.fill()
    await load.atCapacity(ms)
    const goodputs: number[] = []
    const latencies: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const before = await load.atCapacity(2 * ms)
      const over = await load.atRate(4 * before, 4 * ms, 1000)
      // What the overload left behind is over.
      await load.atRate(before / 10, 3 * ms)
      const after = await load.atCapacity(2 * ms)
      const half = await load.atRate(before / 2, 2 * ms)
      // The machine is not the same from second to second.
      const capacity = (before + after) / 2
      goodputs.push(over.servedPerSecond / capacity)
      latencies.push(percentile(half.latenciesMs, 0.99))
      note(
        `capacity ${Math.round(capacity)}/s; asked ${Math.round(over.askedPerSecond)}/s, served ${Math.round(over.servedPerSecond)}/s ` +
          `(p50 ${Math.round(percentile(over.latenciesMs, 0.5))} ms, p99 ${Math.round(percentile(over.latenciesMs, 0.99))} ms), ` +
          `refused ${over.refused} by the server, ${over.keptBack} kept back, ${over.failed} failed otherwise`,
      )
    }
    metric('overload_goodput', rounded(middle(goodputs)))
    metric('p99_at_half_load_ms', rounded(middle(latencies)))
  } finally {
    load.close()
  }
}

interface Outcome {
  readonly askedPerSecond: number
  readonly servedPerSecond: number
  readonly refused: number
  readonly keptBack: number
  readonly failed: number
  readonly latenciesMs: readonly number[]
}

class Load {
  readonly #address: string
  #clients: readonly Clients[] = []
  #turn = 0

  constructor(address: string) {
    this.#address = address
    this.#renew()
  }

  async fill(): Promise<void> {
    const { chat } = this.#next()
    await chat.createConversation({ conversationId })
    for (let n = 0; n < messages; n += 1) {
      const text = `I want to make a reservation for ${n} people at seven, and a table by the window if there is one.`
      await chat.sendMessage({ conversationId, parts: [{ content: { $case: 'text', value: text } }] })
    }
  }

  /** Calls a second, by callers that each ask again when they were answered. */
  async atCapacity(ms: number): Promise<number> {
    this.#renew()
    const startedAt = performance.now()
    let served = 0
    const caller = async (): Promise<void> => {
      while (performance.now() - startedAt < ms) {
        await this.#ask()
        served += 1
      }
    }
    await Promise.all(Array.from({ length: callersAtCapacity }, caller))
    return (served * 1000) / (performance.now() - startedAt)
  }

  /** @param uncountedMs from the start */
  async atRate(perSecond: number, ms: number, uncountedMs = 0): Promise<Outcome> {
    this.#renew()
    const startedAt = performance.now()
    let [asked, served, refused, keptBack, failed] = [0, 0, 0, 0, 0]
    const latenciesMs: number[] = []
    const calls: Promise<void>[] = []
    const elapsed = (): number => performance.now() - startedAt
    const isCounted = (): boolean => elapsed() >= uncountedMs && elapsed() < uncountedMs + ms
    const ask = async (): Promise<void> => {
      const before = performance.now()
      try {
        await this.#ask()
        if (isCounted()) served += 1
        latenciesMs.push(performance.now() - before)
      } catch (error) {
        const reason = error instanceof HoldfastError ? error.reason : ''
        if (reason === 'SERVER_OVERLOADED') refused += 1
        else if (reason === 'CLIENT_THROTTLED') keptBack += 1
        else failed += 1
      }
    }
    while (elapsed() < uncountedMs + ms) {
      for (; asked < (elapsed() * perSecond) / 1000; asked += 1) calls.push(ask())
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    const seconds = elapsed() / 1000
    await Promise.all(calls)
    return {
      askedPerSecond: asked / seconds,
      servedPerSecond: (served * 1000) / ms,
      refused,
      keptBack,
      failed,
      latenciesMs: latenciesMs.sort((a, b) => a - b),
    }
  }

  close(): void {
    for (const clients of this.#clients) clients.close()
  }

  #ask(): Promise<unknown> {
    return this.#next().chat.getMessages({ conversationId, pageSize: messages })
  }

  /** Clients remember for a while that a server was overloaded. */
  #renew(): void {
    this.close()
    const options = { address: this.#address, maxAttempts: 1, deadlineMs: 5000 }
    this.#clients = Array.from({ length: clientCount }, () => createClients(options))
  }

  #next(): Clients {
    this.#turn += 1
    return this.#clients[this.#turn % clientCount] as Clients
  }
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN
}

function middle(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}
