import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { credentials } from '@grpc/grpc-js'
import {
  ChatServiceClient,
  CreateConversationRequest,
  SendMessageRequest,
  type SendMessageResponse,
  StreamChatRequest,
} from '@holdfast/protocol'
import { HoldfastProcess, startPacedModel, startPostgres } from '@holdfast/test-servers'
import type { BenchOptions, BenchReport } from './benchmark.js'
import { compare, median, rounded } from './rounds.js'

const concurrency = 32
const pieces = Array.from({ length: 200 }, (_, index) => `token ${index} `)
const pieceMs = 5

/** The chat service against servers that keep nothing, each in a process of its own, called by the same generated client. */
export async function run({ long, report }: BenchOptions): Promise<BenchReport> {
  const rounds = long ? 15 : 5
  const ms = long ? 5000 : 2000
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  await using model = await startPacedModel(pieces, pieceMs)
  await using postgres = await startPostgres()
  const environment = { HOLDFAST_MODEL_BASE_URL: model.baseUrl, HOLDFAST_MODEL_NAME: 'paced' }
  try {
    await using bare = await startBareServer(model.baseUrl)
    await using embedded = await HoldfastProcess.start(['--data', join(folder, 'data')], environment)
    await using onPostgres = await HoldfastProcess.start(['--database', await postgres.createDatabase()], environment)
    const metrics: Record<string, number> = {}
    const echo = client(bare.address)
    try {
      for (const [name, server] of [
        ['send_c32_vs_bare', embedded],
        ['send_c32_vs_bare_postgres', onPostgres],
      ] as const) {
        const service = client(server.address)
        for (let n = 0; n < concurrency; n += 1) await create(service, `bench-${n}`)
        let n = 0
        const request = (worker: number) => {
          n += 1
          const text = `I want to make a restaurant reservation for 2 people at half past 11 in the morning. ${n}`
          return SendMessageRequest.fromPartial({
            conversationId: `bench-${worker}`,
            key: `k${n}`,
            parts: [{ content: { $case: 'text', value: text } }],
          })
        }
        const result = await compare(
          (worker) => send(service, request(worker)),
          (worker) => send(echo, request(worker)),
          { concurrency, rounds, ms },
        )
        metrics[name] = rounded(result.ratio)
        metrics[`${name}_per_s`] = Math.round(result.subjectPerSecond)
        metrics[`${name}_bare_per_s`] = Math.round(result.baselinePerSecond)
        report(
          `${name}: ${rounded(result.ratio)} (${Math.round(result.subjectPerSecond)}/s, bare ${Math.round(result.baselinePerSecond)}/s)`,
        )
        service.close()
      }
      for (const [name, server] of [
        ['stream_vs_unpersisted', embedded],
        ['stream_vs_unpersisted_postgres', onPostgres],
      ] as const) {
        const service = client(server.address)
        await create(service, 'bench-stream')
        const ratios: number[] = []
        for (let round = 0; round < rounds * 2; round += 1) {
          const without = await streamMs(echo, `q${round}`)
          const withStore = await streamMs(service, `q${round}`)
          ratios.push(without / withStore)
        }
        metrics[name] = rounded(median(ratios))
        report(`${name}: ${metrics[name]}`)
        service.close()
      }
    } finally {
      echo.close()
    }
    return { metrics, notes: [`${concurrency} callers; streams of ${pieces.length} tokens, one each ${pieceMs} ms`] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function client(address: string): ChatServiceClient {
  return new ChatServiceClient(address, credentials.createInsecure())
}

function create(service: ChatServiceClient, id: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    service.createConversation(CreateConversationRequest.fromPartial({ conversationId: id }), (error, response) =>
      error ? reject(error) : resolve(response),
    )
  })
}

function send(service: ChatServiceClient, request: SendMessageRequest): Promise<SendMessageResponse> {
  return new Promise((resolve, reject) => {
    service.sendMessage(request, (error, response) => (error ? reject(error) : resolve(response)))
  })
}

/** Wall time of one streamed reply, from the call to its end. */
async function streamMs(service: ChatServiceClient, key: string): Promise<number> {
  const before = performance.now()
  const stream = service.streamChat(
    StreamChatRequest.fromPartial({
      conversationId: 'bench-stream',
      key,
      parts: [{ content: { $case: 'text', value: 'Tell me all.' } }],
    }),
  )
  let text = ''
  for await (const { event } of stream as AsyncIterable<{ event: { $case: string; value: { text?: string } } }>) {
    if (event.$case === 'delta') text += event.value.text
  }
  if (text !== pieces.join('')) throw new Error(`The stream of ${key} was not whole`)
  return performance.now() - before
}

async function startBareServer(modelUrl: string): Promise<{ readonly address: string } & AsyncDisposable> {
  const script = fileURLToPath(new URL('bare-chat-server.js', import.meta.url))
  const child = spawn(process.execPath, [script, modelUrl], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}
