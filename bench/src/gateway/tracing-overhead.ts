import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { credentials } from '@grpc/grpc-js'
import { ChatServiceClient, GetConversationRequest, SendMessageRequest } from '@holdfast/protocol'
import { startOtlpReceiver, startPostgres } from '@holdfast/test-servers'
import { type Operation, compare, rounded } from '../rounds.js'
import type { GatewayWorld } from './world.js'

const concurrency = 32
/** What a busy server begins traces with. */
const usualRatio = 0.05

/** Time of a call with traces over the time without, of a read and of a write on PostgreSQL: servers that differ in nothing else, in processes of
 *  their own, since traces are a matter of the whole process. Spans go to a receiver that takes them and does nothing. For comparison, the same spans by OpenTelemetry's
 *  SDK. */
export async function tracingOverhead({ rounds, ms, metric, note }: GatewayWorld): Promise<void> {
  await using postgres = await startPostgres({ settings: { fsync: 'off' } })
  await using receiver = await startOtlpReceiver({ keeps: false })
  const url = `${receiver.url}/v1/traces`
  const plain = await Served.start(postgres.url)
  const sides = [
    ['tracing_overhead', await Served.start(postgres.url, url, '1')],
    ['tracing_overhead_otel_sdk', await Served.start(postgres.url, url, 'sdk')],
    ['tracing_overhead_usual_ratio', await Served.start(postgres.url, url, String(usualRatio))],
  ] as const
  try {
    for (let n = 0; n < concurrency; n += 1) await plain.create(`bench-${n}`)
    for (const [name, side] of sides) {
      const read = await compare(side.read, plain.read, { concurrency, rounds, ms })
      const write = await compare(side.write, plain.write, { concurrency, rounds, ms })
      // A busy client asks and writes: the mean of both, and each by itself.
      metric(name, rounded((1 / read.ratio + 1 / write.ratio) / 2))
      metric(`${name}_read`, rounded(1 / read.ratio))
      metric(`${name}_write`, rounded(1 / write.ratio))
      note(
        `${name}: reads ${Math.round(read.subjectPerSecond)}/s, without ${Math.round(read.baselinePerSecond)}/s; ` +
          `writes ${Math.round(write.subjectPerSecond)}/s, without ${Math.round(write.baselinePerSecond)}/s`,
      )
    }
  } finally {
    await Promise.all([plain, ...sides.map(([, side]) => side)].map((one) => one.end()))
  }
}

class Served {
  readonly #child: ChildProcess
  readonly #client: ChatServiceClient
  #sent = 0

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.#client = new ChatServiceClient(address, credentials.createInsecure())
  }

  static async start(...args: readonly string[]): Promise<Served> {
    const script = fileURLToPath(new URL('tracing-server.js', import.meta.url))
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [address] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    return new Served(child, address)
  }

  readonly read: Operation = (worker) => {
    const request = GetConversationRequest.fromPartial({ conversationId: `bench-${worker}` })
    return new Promise((resolve, reject) => {
      this.#client.getConversation(request, (error, answer) => (error ? reject(error) : resolve(answer)))
    })
  }

  readonly write: Operation = (worker) => {
    this.#sent += 1
    const parts = [{ content: { $case: 'text', value: `I want to make a reservation for ${this.#sent}.` } } as const]
    const request = SendMessageRequest.fromPartial({ conversationId: `bench-${worker}`, parts })
    return new Promise((resolve, reject) => {
      this.#client.sendMessage(request, (error, answer) => (error ? reject(error) : resolve(answer)))
    })
  }

  create(conversationId: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = { conversationId, userId: '', title: '', metadata: new Map(), key: '', tags: [] }
      this.#client.createConversation(request, (error, answer) => (error ? reject(error) : resolve(answer)))
    })
  }

  async end(): Promise<void> {
    this.#client.close()
    this.#child.kill()
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }
}
