import assert from 'node:assert/strict'
import type { SessionStore } from '../session-store.js'
import { type SessionStage, unique } from './stage.js'

/** Numbers from 0 to 1 that repeat for a seed (mulberry32, public domain, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function randomLifeTests(stage: SessionStage): void {
  stage.it('does what a map would do, whatever is done in whatever order', async () => {
    const random = randomFrom(20_261_127)
    const pick = (count: number) => Math.floor(random() * count)
    const p = unique('life')
    const keys = Array.from({ length: 6 }, (_, n) => `${p}:${n}`)
    const there = new Map<string, { value: unknown; version: number }>()
    const store: SessionStore = stage.store
    for (let step = 0; step < 400; step += 1) {
      const key = keys[pick(keys.length)] ?? ''
      const known = there.get(key)
      const what = `step ${step}`
      switch (pick(7)) {
        case 0:
        case 1: {
          const { version } = await store.write(key, { step })
          assert.ok(known === undefined || version === known.version + 1, what)
          there.set(key, { value: { step }, version })
          break
        }
        case 2: {
          const ifVersion = pick(2) === 0 ? (known?.version ?? 0) : pick(4)
          const writing = store.write(key, step, { ifVersion })
          if (ifVersion === (known?.version ?? 0)) {
            there.set(key, { value: step, version: (await writing).version })
          } else {
            await assert.rejects(writing, { code: 'ABORTED' }, what)
          }
          break
        }
        case 3:
          assert.equal(await store.delete(key), known !== undefined, what)
          there.delete(key)
          break
        case 4:
          assert.deepEqual(await store.read(key), known?.value, what)
          break
        case 5: {
          const asked = [key, keys[pick(keys.length)] ?? '', keys[0] ?? '']
          const expected = asked.map((one) => there.get(one)?.value)
          assert.deepEqual(await store.readMany(asked), expected, what)
          break
        }
        default:
          assert.deepEqual(await store.listKeys(`${p}:*`), [...there.keys()].toSorted(), what)
          assert.equal(await store.exists(key), known !== undefined, what)
      }
    }
  })
}
