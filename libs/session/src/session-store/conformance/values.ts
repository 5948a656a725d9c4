import assert from 'node:assert/strict'
import { rejectsWith, type SessionStage, unique } from './stage.js'

export function valueTests(stage: SessionStage): void {
  stage.it('reads back what was written, and again', async () => {
    const values: unknown[] = [
      { conversation_id: 'c', created_at: 1_733_000_000.25, settings: { model: 'm', temperature: 0.7, max_tokens: 1 } },
      { messages: Array.from({ length: 200 }, (_, n) => ({ id: unique(), role: 1, content: `text ${n} – ünï 🙂` })) },
      { '': 1, ' ': [], 'a.b': {}, $set: { x: 1 }, __proto: null, deleted: true, value: { value: 1 } },
      'with \u0000, \ud800 and \u2028',
      ['|', 'L|token', '1|2|3|{}', ','],
      [],
      {},
      '',
      0,
      -0.1,
      1e21,
      true,
      false,
      null,
      'x'.repeat(300_000),
    ]
    for (const value of values) {
      const key = unique()
      await stage.store.write(key, value)
      for (const time of ['first', 'second']) {
        assert.deepEqual(await stage.store.read(key), value, `the ${time} time`)
      }
      assert.deepEqual((await stage.store.readEntry(key))?.value, value)
    }
  })

  stage.it('answers undefined for what is not there', async () => {
    const key = unique()
    for (let time = 0; time < 2; time += 1) {
      assert.equal(await stage.store.read(key), undefined)
      assert.equal(await stage.store.readEntry(key), undefined)
      assert.equal(await stage.store.exists(key), false)
    }
    await stage.store.write(key, 'now')
    assert.equal(await stage.store.read(key), 'now')
    assert.equal(await stage.store.exists(key), true)
  })

  stage.it('replaces the whole value', async () => {
    const key = unique()
    await stage.store.write(key, { a: 1, b: { c: 2 } })
    await stage.store.read(key)
    await stage.store.write(key, { b: {} })
    assert.deepEqual(await stage.store.read(key), { b: {} })
  })

  stage.it('keeps what the caller changes afterwards out', async () => {
    const key = unique()
    const value = { list: [1] }
    const writing = stage.store.write(key, value)
    value.list.push(2)
    await writing
    assert.deepEqual(await stage.store.read(key), { list: [1] })
    const read = await stage.store.read<{ list: number[] }>(key)
    read?.list.push(3)
    assert.deepEqual(await stage.store.read(key), { list: [1] })
  })

  stage.it('takes any characters in keys, and tells keys apart', async () => {
    const keys = ['a', 'A', 'a ', 'ä', 'session:1:state', '*', '[a]', 'a\\b', '🙂', 'k'.repeat(255), '{1}:x', '0']
    for (const key of keys) await stage.store.write(key, key)
    for (const key of keys) assert.equal(await stage.store.read(key), key)
    for (const key of keys) assert.equal(await stage.store.delete(key), true)
  })

  stage.it('says which argument is wrong', async () => {
    const { store } = stage
    const key = unique()
    for (const bad of ['', 'k'.repeat(256), 'a\u0000b', '\ud800', 5, undefined] as unknown[]) {
      await rejectsWith(store.write(bad as string, 1), 'INVALID_ARGUMENT', /key/)
      await rejectsWith(store.read(bad as string), 'INVALID_ARGUMENT', /key/)
      await rejectsWith(store.delete(bad as string), 'INVALID_ARGUMENT', /key/)
      await rejectsWith(store.exists(bad as string), 'INVALID_ARGUMENT', /key/)
      await rejectsWith(store.readMany([key, bad as string]), 'INVALID_ARGUMENT', /key/)
    }
    for (const bad of [undefined, () => 1, Symbol('s')] as unknown[]) {
      await rejectsWith(store.write(key, bad), 'INVALID_ARGUMENT', /value/)
    }
    for (const bad of [0, -1, 1.5, Number.NaN, '5', null] as unknown[]) {
      await rejectsWith(store.write(key, 1, { ttlMs: bad as number }), 'INVALID_ARGUMENT', /ttlMs/)
    }
    for (const bad of [-1, 1.5, '1', null] as unknown[]) {
      await rejectsWith(store.write(key, 1, { ifVersion: bad as number }), 'INVALID_ARGUMENT', /ifVersion/)
    }
    await rejectsWith(store.write(key, 1, { ttl: 5 } as object), 'INVALID_ARGUMENT', /ttl/)
    await rejectsWith(store.listKeys(5 as unknown as string), 'INVALID_ARGUMENT', /pattern/)
    assert.equal(await store.read(key), undefined)
  })

  stage.it('reads and writes many in the order given', async () => {
    const { store } = stage
    const keys = Array.from({ length: 120 }, () => unique())
    const versions = await store.writeMany(keys.map((key, n) => ({ key, value: { n } })))
    assert.deepEqual(new Set(versions.map(({ version }) => version)), new Set([1]))
    const asked = [...keys.toReversed(), unique(), keys[3] ?? '']
    const expected = keys.map((_, n) => ({ n })).toReversed()
    for (let time = 0; time < 2; time += 1) {
      assert.deepEqual(await store.readMany(asked), [...expected, undefined, { n: 3 }])
    }
    assert.deepEqual(await store.readMany([]), [])
    assert.deepEqual(await store.writeMany([]), [])
  })

  stage.it('writes none of many if one of them is wrong', async () => {
    const key = unique()
    await rejectsWith(
      stage.store.writeMany([
        { key, value: 1 },
        { key: '', value: 2 },
      ]),
      'INVALID_ARGUMENT',
    )
    await rejectsWith(
      stage.store.writeMany([{ key, value: 1, ifVersion: 0 } as { key: string; value: unknown }]),
      'INVALID_ARGUMENT',
    )
    assert.equal(await stage.store.exists(key), false)
  })
}
