import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'

/** The message that a client makes of the chunks, by the SDK's own code.
 *  @param base what the message held before, if the chunks go on with one */
export async function foldChunks(
  base: UIMessage | undefined,
  chunks: readonly UIMessageChunk[],
): Promise<UIMessage | undefined> {
  const stream = ReadableStream.from(mergeDeltas(chunks))
  let message = base
  // A chunk that does not fit ends the reading there, as it does in a client. What came before stands.
  const start = base === undefined ? {} : { message: structuredClone(base) }
  for await (const state of readUIMessageStream({ ...start, stream, onError: () => undefined })) message = state
  return message
}

/** Neighbouring pieces as one: the reader copies the message for every chunk. */
function mergeDeltas(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const merged: UIMessageChunk[] = []
  for (const chunk of chunks) {
    const last = merged.at(-1)
    if (last !== undefined && isDelta(last) && isDelta(chunk) && last.type === chunk.type && last.id === chunk.id) {
      merged[merged.length - 1] = { ...last, ...chunk, delta: last.delta + chunk.delta }
    } else {
      merged.push(chunk)
    }
  }
  return merged
}

function isDelta(chunk: UIMessageChunk): chunk is UIMessageChunk & { type: 'text-delta' | 'reasoning-delta' } {
  return chunk.type === 'text-delta' || chunk.type === 'reasoning-delta'
}
