import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Chunk, type Packed, chunkIdsOf, fromChunks, toChunks } from './stored-value.js'

describe('chunks of values', () => {
  const chunksOf = (value: unknown) => toChunks(value, { type: 'json', text: JSON.stringify(value) })
  const message = (n: number): object => ({ id: `message-${n}`, text: `number ${n} `.repeat(1 + ((n * 7) % 40)) })
  const list = (from: number, to: number): object[] => Array.from({ length: to - from }, (_, at) => message(from + at))

  async function back({ stored, chunks }: ReturnType<typeof toChunks>): Promise<Packed> {
    const texts = new Map(chunks.map(({ id, text }) => [id, text]))
    const fetch = async (ids: readonly string[]): Promise<string[]> => ids.map((id) => texts.get(id) ?? assert.fail(id))
    assert.deepEqual(new Set(await chunkIdsOf(stored, fetch)), new Set(texts.keys()))
    return 'chunks' in stored ? fromChunks(stored, fetch) : stored
  }

  it('give the value back byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 300, size: 'max' }), async (value) => {
        assert.deepEqual(await back(chunksOf(value)), { type: 'json', text: JSON.stringify(value) })
      }),
      { numRuns: 60 },
    )
    const long = { text: 'a\u0000\u{1f600}"'.repeat(50_000) }
    assert.deepEqual(await back(chunksOf(long)), { type: 'json', text: JSON.stringify(long) })
    const bytes: Packed = { type: 'bytes', base64: Buffer.alloc(200_000, 7).toString('base64') }
    assert.deepEqual(await back(toChunks(new Uint8Array(), bytes)), bytes)
  })

  it('are lists of chunks when there are many', async () => {
    const value = list(0, 2_000)
    const { stored, chunks } = chunksOf(value)
    assert('chunks' in stored && stored.depth > 0 && stored.chunks.length <= 64, JSON.stringify(stored).slice(0, 80))
    assert(JSON.stringify(stored).length < 3_000)
    assert.deepEqual(await back({ stored, chunks }), { type: 'json', text: JSON.stringify(value) })
  })

  it('are the same but for a few when a list grows, loses its beginning, or changes inside', () => {
    const length = (some: readonly Chunk[]): number => some.reduce((sum, { text }) => sum + text.length, 0)
    const before = chunksOf(list(0, 1_000)).chunks
    const known = new Set(before.map(({ id }) => id))
    const changed = list(0, 1_000)
    changed[500] = { id: 'message-500', text: 'edited' }
    for (const [what, value] of Object.entries({ grown: list(0, 1_002), trimmed: list(20, 1_000), changed })) {
      const fresh = chunksOf(value).chunks.filter(({ id }) => !known.has(id))
      assert(length(fresh) < length(before) / 20, `${what}: ${length(fresh)} of ${length(before)}`)
    }
  })
})
