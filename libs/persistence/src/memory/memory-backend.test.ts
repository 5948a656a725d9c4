import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AppendOutcome, Backend, Operations } from '../backend.js'
import { parseFilter } from '../query/filter.js'
import { createMemoryBackend } from './memory-backend.js'

const tenant = 't'
const s = { tenant, stream: 's' }
const readAll = { limit: 1_000, reverse: false }

async function openWithClock(): Promise<{ backend: Backend; clock: { now: number } }> {
  const clock = { now: 1_000 }
  const backend = createMemoryBackend({ clock: () => clock.now })
  await backend.documents.ensure('c', { indexes: [] })
  await backend.logs.ensure('l')
  return { backend, clock }
}

async function append(
  operations: Operations,
  stream: string,
  ...values: unknown[]
): Promise<AppendOutcome | undefined> {
  const entries = values.map((value) => ({ json: JSON.stringify(value) }))
  return (await operations.logs.append('l', [{ tenant, stream, entries }]))[0]
}

async function values(operations: Operations, stream: string): Promise<unknown[]> {
  const entries = await operations.logs.read('l', { tenant, stream, ...readAll })
  return entries.map(({ json }) => JSON.parse(json) as unknown)
}

describe('documents in memory', () => {
  it('grow by the bump, and start at it', async () => {
    const { backend, clock } = await openWithClock()
    const [first] = await backend.documents.upsert('c', [{ tenant, id: 'a', json: '1', bump: 3 }])
    assert.deepEqual(first, { id: 'a', version: 3, createdAt: 1_000, updatedAt: 1_000 })
    clock.now = 2_000
    const [second] = await backend.documents.upsert('c', [{ tenant, id: 'a', json: '2', bump: 2 }])
    assert.deepEqual(second, { id: 'a', version: 5, createdAt: 1_000, updatedAt: 2_000 })
    const [third] = await backend.documents.replace('c', [{ tenant, id: 'a', json: '3', ifVersion: 5, bump: 4 }])
    assert.equal(third?.version, 9)
    const [fourth] = await backend.documents.insert('c', [{ tenant, id: 'b', json: '3', bump: 2 }])
    assert.equal(fourth?.version, 2)
  })

  it('succeed and fail row by row', async () => {
    const { backend } = await openWithClock()
    const row = (id: string) => ({ tenant, id, json: '{}' })
    await backend.documents.insert('c', [row('a')])
    const inserted = await backend.documents.insert('c', [row('a'), row('b')])
    assert.deepEqual(
      inserted.map((written) => written?.id),
      [undefined, 'b'],
    )
    const replaced = await backend.documents.replace('c', [
      { ...row('a'), ifVersion: 7, bump: 1 },
      { ...row('b'), ifVersion: 1, bump: 1 },
      { ...row('x'), ifVersion: 1, bump: 1 },
    ])
    assert.deepEqual(
      replaced.map((written) => written?.version),
      [undefined, 2, undefined],
    )
    const removed = await backend.documents.remove('c', [
      { tenant, id: 'b', ifVersion: 1 },
      { tenant, id: 'a' },
      { tenant, id: 'x' },
    ])
    assert.deepEqual(removed, [undefined, 1, undefined])
  })

  it('take no row of a batch that breaks a unique index', async () => {
    const { backend } = await openWithClock()
    await backend.documents.ensure('c', { indexes: [{ on: [['a'], ['b', 'c']], unique: true }] })
    const row = (id: string, data: unknown) => ({ tenant, id, json: JSON.stringify(data), bump: 1 })
    await backend.documents.upsert('c', [row('1', { a: 1, b: { c: 'x' } })])
    await assert.rejects(backend.documents.upsert('c', [row('2', { a: 2 }), row('3', { a: 1, b: { c: 'x' } })]), {
      code: 'ALREADY_EXISTS',
      reason: 'UNIQUE_VIOLATION',
      metadata: { index: 'a,b.c' },
    })
    assert.equal(await backend.documents.count('c', tenant, parseFilter({})), 1)
    // What the failed batch had taken is free again, and so is what a document no longer has.
    await backend.documents.upsert('c', [row('3', { a: 2 }), row('1', { a: 5 }), row('4', { a: 1, b: { c: 'x' } })])
  })

  it('refuse a unique index that they break', async () => {
    const { backend } = await openWithClock()
    await backend.documents.insert(
      'c',
      ['1', '2'].map((id) => ({ tenant, id, json: '{"a":1}' })),
    )
    const index = { on: [['a']], unique: true }
    await assert.rejects(backend.documents.ensure('c', { indexes: [index] }), { reason: 'UNIQUE_VIOLATION' })
    await backend.documents.remove('c', [{ tenant, id: '2' }])
    await backend.documents.ensure('c', { indexes: [index] })
  })
})

describe('logs in memory', () => {
  it('never let time run backwards', async () => {
    const { backend, clock } = await openWithClock()
    await append(backend, 's', 1)
    clock.now = 500
    await append(backend, 's', 2)
    const [head] = await backend.logs.heads('l', [s])
    assert.deepEqual(head, { next: 3, first: 1, exists: true, removed: false, at: 1_000 })
  })

  it('trim by age', async () => {
    const { backend, clock } = await openWithClock()
    await append(backend, 's', 1, 2)
    clock.now = 2_000
    await append(backend, 's', 3)
    assert.equal(await backend.logs.trim('l', s, { olderThanMs: 1_000 }), 0)
    assert.equal(await backend.logs.trim('l', s, { olderThanMs: 999 }), 2)
    assert.deepEqual(await values(backend, 's'), [3])
  })

  it('answer what was stored before entry by entry, and append the rest', async () => {
    const { backend } = await openWithClock()
    await backend.logs.append('l', [{ ...s, entries: [{ key: 'a', json: '{"x":1,"y":2}' }] }])
    const entries = [
      { key: 'b', json: '2' },
      { key: 'a', json: '{"y":2,"x":1}' },
      { key: 'c', json: '3' },
    ]
    const [outcome] = await backend.logs.append('l', [{ ...s, entries }])
    assert.deepEqual(outcome, {
      kind: 'appended',
      entries: [
        { seq: 2, at: 1_000 },
        { seq: 1, at: 1_000, stored: { json: '{"x":1,"y":2}' } },
        { seq: 3, at: 1_000 },
      ],
    })
  })

  it('append nothing of a group with a key that has other data', async () => {
    const { backend } = await openWithClock()
    await backend.logs.append('l', [{ ...s, entries: [{ key: 'a', json: '1' }] }])
    const entries = [
      { key: 'b', json: '2' },
      { key: 'a', json: '3' },
    ]
    assert.deepEqual(await backend.logs.append('l', [{ ...s, entries }]), [{ kind: 'conflict', index: 1, seq: 1 }])
    assert.deepEqual(await backend.logs.append('l', [{ ...s, entries, ifNext: 1 }]), [{ kind: 'stale', next: 2 }])
    assert.deepEqual(await values(backend, 's'), [1])
  })

  it('keep nothing of an amended text', async () => {
    const { backend } = await openWithClock()
    const entries = [{ key: 'k', json: '"secret"' }]
    await backend.logs.append('l', [{ ...s, entries }])
    await backend.logs.amend('l', s, 1, '"redacted"')
    await backend.logs.amend('l', s, 1, '"redacted again"')
    const [again] = await backend.logs.append('l', [{ ...s, entries }])
    const stored = { json: '"redacted again"' }
    assert.deepEqual(again, { kind: 'appended', entries: [{ seq: 1, at: 1_000, stored }] })
    const [other] = await backend.logs.append('l', [{ ...s, entries: [{ key: 'k', json: '"redacted again"' }] }])
    assert.deepEqual(other, { kind: 'conflict', index: 0, seq: 1 })
  })

  it('keep for a branch what its parent no longer shows', async () => {
    const { backend } = await openWithClock()
    await append(backend, 's', 1, 2, 3, 4)
    await backend.logs.fork('l', s, 3, { tenant, stream: 'b' })
    await append(backend, 'b', 'b4')
    await backend.logs.fork('l', { tenant, stream: 'b' }, 4, { tenant, stream: 'c' })
    assert.equal(await backend.logs.trim('l', s, { beforeSeq: 3 }), 2)
    assert.deepEqual(await values(backend, 's'), [3, 4])
    assert.deepEqual(await values(backend, 'b'), [1, 2, 3, 'b4'])
    assert.equal(await backend.logs.remove('l', { tenant, stream: 'b' }), true)
    assert.equal(await backend.logs.remove('l', s), true)
    assert.deepEqual(await values(backend, 's'), [])
    assert.deepEqual(await values(backend, 'c'), [1, 2, 3, 'b4'])
    assert.equal(await backend.logs.trim('l', { tenant, stream: 'c' }, { keepLast: 1 }), 3)
    assert.deepEqual(await values(backend, 'c'), ['b4'])
    assert.equal(await append(backend, 'b', 'late').then((outcome) => outcome?.kind), 'removed')
  })
})

describe('a transaction in memory', () => {
  it('takes back everything when its work fails', async () => {
    const { backend } = await openWithClock()
    await backend.documents.ensure('c', { indexes: [{ on: [['u']], unique: true }] })
    await backend.documents.upsert('c', [
      { tenant, id: 'kept', json: '{"u":1}', bump: 1 },
      { tenant, id: 'gone', json: '{"u":2}', bump: 1 },
    ])
    await append(backend, 's', 1, 2, 3)
    await append(backend, 'other', 1)
    await backend.blobs.putChunk(tenant, 'up', 0, Uint8Array.of(1))
    await backend.blobs.finish(tenant, 'up', { hash: 'h1', sizeBytes: 1, contentType: 'a' })
    const look = async () => ({
      documents: await backend.documents.query('c', { tenant, where: parseFilter({}), sort: [] }),
      entries: await Promise.all(['s', 'other', 'new', 'fork'].map((stream) => values(backend, stream))),
      heads: await backend.logs.heads(
        'l',
        ['s', 'other', 'new', 'fork'].map((stream) => ({ tenant, stream })),
      ),
      blobs: await Promise.all(['h1', 'h2'].map((hash) => backend.blobs.stat(tenant, hash))),
      repeated: (await backend.logs.append('l', [{ ...s, entries: [], ifNext: 4 }]))[0]?.kind,
    })
    const before = await look()
    const failure = new Error('stop')
    const failed = backend.transaction(async (tx) => {
      await tx.documents.upsert('c', [{ tenant, id: 'kept', json: '{"u":9}', bump: 1 }])
      await tx.documents.remove('c', [{ tenant, id: 'gone' }])
      await tx.documents.insert('c', [{ tenant, id: 'new', json: '{"u":2}' }])
      await append(tx, 's', 4, 5)
      await append(tx, 'new', 1)
      await tx.logs.amend('l', s, 3, '"x"')
      await tx.logs.fork('l', s, 2, { tenant, stream: 'fork' })
      await append(tx, 'fork', 'f')
      await tx.logs.trim('l', s, { keepLast: 1 })
      await tx.logs.trim('l', { tenant, stream: 'fork' }, { keepLast: 1 })
      await tx.logs.remove('l', { tenant, stream: 'other' })
      await tx.blobs.remove(tenant, 'h1')
      await tx.blobs.putChunk(tenant, 'up2', 0, Uint8Array.of(1))
      await tx.blobs.finish(tenant, 'up2', { hash: 'h2', sizeBytes: 2, contentType: 'a' }, [
        { index: 1, bytes: Uint8Array.of(2) },
      ])
      throw failure
    })
    await assert.rejects(failed, failure)
    assert.deepEqual(await look(), before)
    // The index too has the old values again.
    await backend.documents.insert('c', [{ tenant, id: 'free', json: '{"u":9}' }])
    await assert.rejects(backend.documents.insert('c', [{ tenant, id: 'taken', json: '{"u":2}' }]), {
      reason: 'UNIQUE_VIOLATION',
    })
  })

  it('runs alone: everything else waits for its end, in order', async () => {
    const { backend } = await openWithClock()
    let proceed = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      proceed = resolve
    })
    const first = backend.transaction(async (tx) => {
      await opened
      await append(tx, 's', 'first')
    })
    const between = values(backend, 's')
    const second = backend.transaction((tx) => append(tx, 's', 'second'))
    const late = values(backend, 's')
    proceed()
    await Promise.all([first, second])
    assert.deepEqual(await between, ['first'])
    assert.deepEqual(await late, ['first', 'second'])
  })

  it('cannot be saved after one of its operations failed, nor used after its end', async () => {
    const { backend } = await openWithClock()
    let leaked: Operations | undefined
    const swallowed = backend.transaction(async (tx) => {
      leaked = tx
      await append(tx, 's', 1)
      await tx.logs.fork('l', { tenant, stream: 'none' }, 0, s).catch(() => undefined)
      await assert.rejects(append(tx, 's', 2), { code: 'NOT_FOUND' })
      return 'done'
    })
    await assert.rejects(swallowed, { code: 'NOT_FOUND' })
    assert.deepEqual(await values(backend, 's'), [])
    assert.ok(leaked !== undefined)
    await assert.rejects(append(leaked, 's', 3), { code: 'FAILED_PRECONDITION' })
  })
})

describe('blobs in memory', () => {
  it('refuse to finish an upload that has lost its chunks', async () => {
    const { backend } = await openWithClock()
    await backend.blobs.putChunk(tenant, 'up', 0, Uint8Array.of(1, 2))
    await backend.blobs.abandon(tenant, 'up')
    await assert.rejects(backend.blobs.finish(tenant, 'up', { hash: 'h', sizeBytes: 2, contentType: 'a' }), {
      code: 'FAILED_PRECONDITION',
    })
    assert.equal(await backend.blobs.stat(tenant, 'h'), undefined)
  })

  it('share no bytes with their callers', async () => {
    const { backend } = await openWithClock()
    const bytes = Uint8Array.of(1, 2)
    const put = backend.blobs.putChunk(tenant, 'up', 0, bytes)
    bytes[0] = 9
    await put
    await backend.blobs.finish(tenant, 'up', { hash: 'h', sizeBytes: 2, contentType: 'a' })
    const read = await backend.blobs.readChunk(tenant, 'h', 0)
    assert.deepEqual(read, Uint8Array.of(1, 2))
    read?.fill(7)
    assert.deepEqual(await backend.blobs.readChunk(tenant, 'h', 0), Uint8Array.of(1, 2))
  })
})

describe('a closed memory backend', () => {
  it('waits for what is under way, then refuses', async () => {
    const { backend } = await openWithClock()
    const last = backend.transaction((tx) => append(tx, 's', 1))
    await backend.close()
    assert.equal((await last)?.kind, 'appended')
    await backend.close()
    await assert.rejects(values(backend, 's'), { code: 'FAILED_PRECONDITION' })
    await assert.rejects(
      backend.transaction(async () => 1),
      { code: 'FAILED_PRECONDITION' },
    )
    await assert.rejects(backend.health(), { code: 'FAILED_PRECONDITION' })
  })
})
