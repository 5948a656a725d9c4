import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'
import fc from 'fast-check'
import { foldChunks } from './fold-chunks.js'

const ids = ['a', 'b']
const kinds = ['text', 'reasoning'] as const

/** Two texts and two reasonings that come mixed, and may not end. */
const chunks: fc.Arbitrary<UIMessageChunk[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      id: fc.constantFrom(...ids),
      delta: fc.string({ maxLength: 3 }),
      signed: fc.boolean(),
      other: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((deltas) => {
    const starts = kinds.flatMap((kind) => ids.map((id) => ({ type: `${kind}-start` as const, id })))
    const pieces = deltas.flatMap(({ kind, id, delta, signed, other }): UIMessageChunk[] => [
      { type: `${kind}-delta`, id, delta, ...(signed ? { providerMetadata: { p: { of: delta } } } : {}) },
      ...(other ? [{ type: 'data-note' as const, data: delta }] : []),
    ])
    return [{ type: 'start', messageId: 'm' }, ...starts, ...pieces]
  })

it('makes the message that the SDK makes of the chunks one by one', async () => {
  const base: UIMessage = { id: 'm', role: 'assistant', parts: [{ type: 'text', text: 'Before.' }] }
  await fc.assert(
    fc.asyncProperty(chunks, fc.boolean(), async (all, goesOn) => {
      const stream = ReadableStream.from(all)
      let expected: UIMessage | undefined
      const start = goesOn ? { message: structuredClone(base) } : {}
      for await (const state of readUIMessageStream({ ...start, stream })) expected = state
      assert.equal(JSON.stringify(await foldChunks(goesOn ? base : undefined, all)), JSON.stringify(expected))
    }),
    { numRuns: 100, seed: 7 },
  )
})

it('stops where a chunk does not fit, as a client does, and keeps what came before', async () => {
  const broken: UIMessageChunk[] = [
    { type: 'start', messageId: 'm' },
    { type: 'text-start', id: 'a' },
    { type: 'text-delta', id: 'a', delta: 'Good.' },
    { type: 'text-delta', id: 'b', delta: 'Lost.' },
    { type: 'text-delta', id: 'a', delta: 'After.' },
  ]
  const message = await foldChunks(undefined, broken)
  assert.deepEqual(
    message?.parts.map((part) => (part.type === 'text' ? part.text : '')),
    ['Good.'],
  )
})
