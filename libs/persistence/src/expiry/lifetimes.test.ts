import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BlobContents } from '../blobs/blob-content.js'
import { createMemoryBackend } from '../memory/memory-backend.js'
import { Store } from '../store.js'
import { checkTtl, mergeLife, parseLifeOptions } from './lifetime.js'

type Json = Record<string, unknown>

const nothing = { expired: 0, purged: 0, tombstones: 0, entries: 0, outcomes: 0 }

describe('lifetimes, to the millisecond', () => {
  function open() {
    const clock = { now: 1_000 }
    const store = new Store(createMemoryBackend({ clock: () => clock.now }), new BlobContents(), undefined, 0)
    return { clock, store }
  }

  it('end with the millisecond that expiresAt names', async () => {
    const { clock, store } = open()
    const docs = store.collection<Json>('docs', { ttlMs: 100 })
    const put = await docs.put('a', {})
    assert.equal(put.expiresAt?.getTime(), 1_100)
    clock.now = 1_099
    assert.deepEqual(await docs.get('a'), put)
    assert.deepEqual(await store.sweep(), nothing)
    clock.now = 1_100
    assert.equal(await docs.get('a'), undefined)
    assert.deepEqual(await store.sweep(), { ...nothing, expired: 1 })
    assert.deepEqual(await store.sweep(), nothing)
    await store.close()
  })

  it('go on with a clock that jumps: what had ended is there again until it is swept', async () => {
    const { clock, store } = open()
    const docs = store.collection<Json>('docs')
    await docs.put('a', {}, { ttlMs: 100 })
    clock.now = 5_000
    assert.equal(await docs.get('a'), undefined)
    clock.now = 1_050
    assert.equal((await docs.get('a'))?.version, 1)
    clock.now = 5_000
    await store.sweep()
    clock.now = 1_050
    assert.equal(await docs.get('a'), undefined)
    await store.close()
  })

  it('of tombstones: restorable until retainMs, purged from then on, gone after tombstonesMs', async () => {
    const { clock, store } = open()
    const docs = store.collection<Json>('docs', { softDelete: { retainMs: 100, tombstonesMs: 300 } })
    for (const id of ['a', 'b']) await docs.put(id, {})
    await docs.deleteMany({})
    clock.now = 1_099
    assert.equal((await docs.restore('a'))?.version, 2)
    clock.now = 1_100
    assert.equal(await docs.restore('b'), undefined)
    assert.deepEqual(await store.sweep(), { ...nothing, purged: 1 })
    await assert.rejects(docs.put('b', {}), { reason: 'DOCUMENT_REMOVED' })
    clock.now = 1_300
    assert.deepEqual(await store.sweep(), { ...nothing, tombstones: 1 })
    assert.equal((await docs.put('b', {})).version, 1)
    await store.close()
  })

  it('of entries: as long as the log retains them', async () => {
    const { clock, store } = open()
    const log = store.log<number>('log', { retain: { olderThanMs: 100, keepLast: 2 } })
    for (const data of [1, 2, 3]) await log.append('s', [{ data }])
    assert.deepEqual(await store.sweep(), { ...nothing, entries: 1 })
    clock.now = 1_101
    assert.deepEqual(await store.sweep(), { ...nothing, entries: 2 })
    assert.equal((await log.head('s')).next, 4)
    await store.close()
  })
})

describe('options of lifetimes', () => {
  it('are refused where they contradict what was declared before', () => {
    const before = parseLifeOptions({ ttlMs: 5, softDelete: true })
    assert.equal(mergeLife(before, parseLifeOptions({ ttlMs: 5 })), undefined)
    assert.equal(mergeLife(before, parseLifeOptions({})), undefined)
    assert.throws(() => mergeLife(before, parseLifeOptions({ ttlMs: 6 })), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => mergeLife(before, parseLifeOptions({ softDelete: { retainMs: 1 } })), {
      code: 'INVALID_ARGUMENT',
    })
    assert.deepEqual(mergeLife(parseLifeOptions({ ttlMs: 5 }), parseLifeOptions({ subject: 'a.b' })), {
      subject: 'a.b',
    })
  })

  it('may be as long as 1,000 years', () => {
    assert.equal(checkTtl(31_557_600_000_000), 31_557_600_000_000)
    assert.throws(() => checkTtl(31_557_600_000_001), { code: 'INVALID_ARGUMENT' })
  })
})
