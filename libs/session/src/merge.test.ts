import assert from 'node:assert/strict'
import { it } from 'node:test'
import { merge } from './merge.js'

async function* yielding(...items: readonly string[]): AsyncGenerator<string> {
  for (const item of items) {
    await Promise.resolve()
    yield item
  }
}

it('yields all items of all sources, each in its order, and ends with the last source', async () => {
  const seen: string[] = []
  for await (const item of merge([yielding('a1', 'a2', 'a3'), yielding(), yielding('b1')])) seen.push(item)
  assert.deepEqual(seen.toSorted(), ['a1', 'a2', 'a3', 'b1'])
  assert.deepEqual(
    seen.filter((item) => item.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
})

it('reads at most one item ahead of its consumer', async () => {
  let produced = 0
  async function* counting(): AsyncGenerator<number> {
    for (;;) {
      produced += 1
      yield produced
    }
  }
  const merged = merge([counting()])
  for (const expected of [1, 2, 3]) assert.deepEqual(await merged.next(), { done: false, value: expected })
  assert(produced <= 4)
  await merged.return()
})

it('fails with the first source that fails', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'one'
    throw new Error('broken')
  }
  const all = async (): Promise<void> => {
    for await (const _ of merge([failing(), yielding('a', 'b')]));
  }
  await assert.rejects(all(), { message: 'broken' })
})
