import { type UIMessage, type UIMessageChunk } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'

type StreamResult = Awaited<ReturnType<MockLanguageModelV3['doStream']>>
type StreamPart = StreamResult['stream'] extends ReadableStream<infer Part> ? Part : never

/** Answers its steps one after the other. */
export function scriptedModel(...steps: StreamPart[][]): MockLanguageModelV3 {
  let step = 0
  return new MockLanguageModelV3({
    doStream: async () => ({ stream: ReadableStream.from(steps[step++] ?? []) }),
  })
}

export function textStep(...texts: string[]): StreamPart[] {
  return [
    { type: 'text-start', id: 't' },
    ...texts.map((delta) => ({ type: 'text-delta' as const, id: 't', delta })),
    { type: 'text-end', id: 't' },
    finish('stop'),
  ]
}

export function callStep(toolCallId: string, toolName: string, input: object): StreamPart[] {
  const json = JSON.stringify(input)
  return [
    { type: 'reasoning-start', id: 'r' },
    { type: 'reasoning-delta', id: 'r', delta: 'A tool ' },
    { type: 'reasoning-delta', id: 'r', delta: 'knows.' },
    { type: 'reasoning-end', id: 'r', providerMetadata: { scripted: { signature: 'abc' } } },
    { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com/', title: 'Example' },
    { type: 'tool-input-start', id: toolCallId, toolName },
    { type: 'tool-input-delta', id: toolCallId, delta: json.slice(0, 4) },
    { type: 'tool-input-delta', id: toolCallId, delta: json.slice(4) },
    { type: 'tool-input-end', id: toolCallId },
    { type: 'tool-call', toolCallId, toolName, input: json },
    finish('tool-calls'),
  ]
}

function finish(unified: 'stop' | 'tool-calls'): StreamPart {
  const inputTokens = { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined }
  const outputTokens = { total: 1, text: 1, reasoning: undefined }
  return { type: 'finish', finishReason: { unified, raw: unified }, usage: { inputTokens, outputTokens } }
}

export function said(id: string, text: string): UIMessage {
  return { id, role: 'user', parts: [{ type: 'text', text }] }
}

export function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** A stream of chunks that the test writes. */
export function source(): { readonly stream: ReadableStream<UIMessageChunk>; readonly writer: ChunkWriter } {
  const { readable, writable } = new TransformStream<UIMessageChunk, UIMessageChunk>(undefined, { highWaterMark: 100 })
  return { stream: readable, writer: writable.getWriter() }
}

type ChunkWriter = WritableStreamDefaultWriter<UIMessageChunk>

export async function writeAll(writer: ChunkWriter, chunks: readonly UIMessageChunk[]): Promise<void> {
  for (const chunk of chunks) await writer.write(chunk)
}

export async function collect(stream: ReadableStream<UIMessageChunk>): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
