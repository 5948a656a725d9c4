import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChatEvent } from '../chat-model.js'

/** For tests: a real HTTP server on loopback that speaks the wire format of OpenAI's chat completions and answers as its
 *  script says. It stands in for the paid model and for nothing else. */
export class ScriptedServer implements AsyncDisposable {
  readonly baseUrl: string
  /** What came in, oldest first. */
  readonly requests: ReceivedRequest[] = []
  readonly #server: http.Server
  readonly #closings = new EventEmitter()
  #opened = 0
  #closed = 0

  private constructor(server: http.Server) {
    const { port } = server.address() as AddressInfo
    this.baseUrl = `http://127.0.0.1:${port}/v1`
    this.#server = server
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = http.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const scripted = new ScriptedServer(server)
    server.on('connection', (socket) => {
      scripted.#opened++
      socket.once('close', () => {
        scripted.#closed++
        scripted.#closings.emit('closed')
      })
    })
    server.on('request', (request, response) => void scripted.#answer(script, request, response))
    return scripted
  }

  /** How many connections were opened. */
  get connections(): number {
    return this.#opened
  }

  /** Resolves when at least this many connections were closed, by whichever side. */
  async connectionsClosed(count: number): Promise<void> {
    while (this.#closed < count) await once(this.#closings, 'closed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(script: Script, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const received = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await bodyOf(Buffer.concat(chunks), request.headers['content-type'] ?? ''),
    }
    this.requests.push(received)
    await script(response, received, this.requests.length)
  }
}

/** Of a form, texts and Files by name; a name that comes several times has an array. */
async function bodyOf(bytes: Buffer, contentType: string): Promise<Record<string, unknown>> {
  if (bytes.length === 0) return {}
  if (!contentType.startsWith('multipart/form-data')) return JSON.parse(bytes.toString()) as Record<string, unknown>
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType } }).formData()
  return Object.fromEntries([...new Set(form.keys())].map((name) => [name, oneOrAll(form.getAll(name))]))
}

function oneOrAll(values: readonly unknown[]): unknown {
  return values.length === 1 ? values[0] : values
}

/** Answers one request; `count` is its number, from 1. */
export type Script = (response: http.ServerResponse, request: ReceivedRequest, count: number) => void | Promise<void>

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

/** One event of a stream, with what OpenAI puts around a delta. */
export function chunk(delta: unknown, finishReason: string | null = null): string {
  return event({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'scripted-1',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  })
}

/** The last chunk before `[DONE]` when `stream_options.include_usage` was asked for. */
export function usageChunk(promptTokens: number, completionTokens: number): string {
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'scripted-1', choices: [], usage })
}

export function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

export const done = 'data: [DONE]\n\n'

/** A whole answer in OpenAI's own form. */
export function answer(...texts: string[]): string[] {
  return [
    chunk({ role: 'assistant', content: '', refusal: null }),
    ...texts.map((content) => chunk({ content })),
    chunk({}, 'stop'),
    usageChunk(11, texts.length),
    done,
  ]
}

// Array.fromAsync is not in Node 20.
export async function eventsOf(stream: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const one of stream) events.push(one)
  return events
}

export function startEvents(response: http.ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.flushHeaders()
}

export function sendEvents(response: http.ServerResponse, events: readonly (string | Uint8Array)[]): void {
  startEvents(response)
  for (const one of events) response.write(one)
  response.end()
}

export function sendError(
  response: http.ServerResponse,
  status: number,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof error === 'string' ? error : JSON.stringify({ error }))
}
