import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { AppendGroup, AppendOutcome, LogOperations } from './backend.js'
import { LogHub } from './log-hub.js'
import { LogLanes } from './log-lanes.js'
import { StoredLog } from './log.js'
import { createMemoryBackend } from './memory/memory-backend.js'

const unknown = () => new HoldfastError('UNKNOWN', 'The connection was lost before the answer')
const unavailable = () => new HoldfastError('UNAVAILABLE', 'The server went away')

type Append = (groups: readonly AppendGroup[]) => Promise<AppendOutcome[]>

/** A log in memory whose appends go through `wire`, which may lose the question or the answer. */
function openLog(wire: (append: Append, groups: readonly AppendGroup[]) => Promise<AppendOutcome[]>) {
  const backend = createMemoryBackend()
  const { logs } = backend
  const operations: LogOperations = {
    ensure: (log) => logs.ensure(log),
    append: (log, groups) => wire((some) => logs.append(log, some), groups),
    read: (log, range) => logs.read(log, range),
    heads: (log, keys) => logs.heads(log, keys),
    create: (log, key) => logs.create(log, key),
    fork: (log, from, at, to) => logs.fork(log, from, at, to),
    trim: (log, key, to) => logs.trim(log, key, to),
    remove: (log, key) => logs.remove(log, key),
    amend: (log, key, seq, json) => logs.amend(log, key, seq, json),
  }
  const hub = new LogHub(backend)
  return new StoredLog<unknown>({
    name: 'l',
    tenant: 't',
    operations,
    lanes: new LogLanes('l', operations, hub),
    hub,
    ready: () => Promise.resolve(),
    resolveWithinMs: 500,
  })
}

/** Plays a list of mishaps, then answers. */
function mishaps(...failures: ('answer lost' | 'question lost' | 'unavailable')[]) {
  return async (append: Append, groups: readonly AppendGroup[]): Promise<AppendOutcome[]> => {
    const failure = failures.shift()
    if (failure === 'unavailable') throw unavailable()
    if (failure !== 'question lost') {
      const outcomes = await append(groups)
      if (failure === undefined) return outcomes
    }
    throw unknown()
  }
}

describe('an append of unknown outcome', () => {
  it('is resolved by its keys, whether it was committed or not', async () => {
    for (const failure of ['answer lost', 'question lost'] as const) {
      const log = openLog(mishaps(failure))
      const [entry] = await log.append('s', [{ key: 'k', data: 1 }])
      assert.deepEqual([entry?.seq, entry?.key, entry?.data], [1, 'k', 1])
      assert.equal((await log.read('s')).length, 1)
    }
  })

  it('reaches tails when it is resolved', async () => {
    const log = openLog(mishaps('answer lost'))
    const tail = log.tail('s')[Symbol.asyncIterator]()
    const next = tail.next()
    await new Promise((resolve) => setImmediate(resolve))
    await log.append('s', [{ key: 'k', data: 1 }])
    assert.equal((await next).value?.data, 1)
    await tail.return?.()
  })

  it('is resolved for all callers of its batch', async () => {
    const log = openLog(mishaps('answer lost'))
    const appends = [1, 2, 3].map((n) => log.append('s', [{ key: `k${n}`, data: n }]))
    assert.deepEqual(
      (await Promise.all(appends)).map(([entry]) => entry?.seq),
      [1, 2, 3],
    )
    assert.equal((await log.head('s')).next, 4)
  })

  it('is resolved although its expected number has passed', async () => {
    const log = openLog(mishaps('answer lost'))
    const [entry] = await log.append('s', [{ key: 'k', data: 1 }], { ifNext: 1 })
    assert.equal(entry?.seq, 1)
  })

  it('stays UNKNOWN without keys, and is not repeated', async () => {
    const log = openLog(mishaps('answer lost'))
    await assert.rejects(log.append('s', [{ key: 'k', data: 1 }, { data: 2 }]), { code: 'UNKNOWN' })
    assert.equal((await log.read('s')).length, 2)
  })

  it('stays UNKNOWN when the server goes away meanwhile, never UNAVAILABLE', async () => {
    const log = openLog(
      mishaps('answer lost', 'unavailable', 'unavailable', 'unavailable', 'unavailable', 'unavailable'),
    )
    await assert.rejects(log.append('s', [{ key: 'k', data: 1 }]), { code: 'UNKNOWN' })
  })

  it('outlasts an outage that is short', async () => {
    const log = openLog(mishaps('question lost', 'unavailable'))
    assert.equal((await log.append('s', [{ key: 'k', data: 1 }]))[0]?.seq, 1)
  })
})

describe('an append that was not carried out', () => {
  it('is UNAVAILABLE at once, keyed or not', async () => {
    const log = openLog(mishaps('unavailable'))
    await assert.rejects(log.append('s', [{ key: 'k', data: 1 }]), { code: 'UNAVAILABLE' })
    assert.equal((await log.head('s')).exists, false)
  })

  it('fails alone when the rest of its batch is fine', async () => {
    const log = openLog((append, groups) => {
      const faulty = groups.some(({ entries }) => entries.some(({ json }) => json === '"faulty"'))
      return faulty ? Promise.reject(new HoldfastError('INVALID_ARGUMENT', 'The database refused it')) : append(groups)
    })
    const [first, faulty, third] = await Promise.allSettled([
      log.append('s', [{ data: 1 }]),
      log.append('s', [{ data: 'faulty' }]),
      log.append('u', [{ data: 3 }]),
    ])
    assert.deepEqual([first.status, faulty.status, third.status], ['fulfilled', 'rejected', 'fulfilled'])
  })

  it('says why in a way that programs can act on', async () => {
    const log = openLog(mishaps())
    await log.append('s', [{ key: 'k', data: 1 }, { data: 2 }])
    await assert.rejects(log.append('s', [{ data: 3 }, { key: 'k', data: 3 }]), {
      code: 'ALREADY_EXISTS',
      reason: 'KEY_CONFLICT',
      metadata: { seq: '1', index: '1' },
    })
    await assert.rejects(log.append('s', [{ data: 3 }], { ifNext: 2 }), {
      code: 'ABORTED',
      reason: 'STALE_NEXT',
      metadata: { next: '3' },
    })
    await assert.rejects(log.append('x', [{ data: 3 }], { ifExists: true }), {
      code: 'NOT_FOUND',
      reason: 'STREAM_MISSING',
    })
    await log.remove('s')
    await assert.rejects(log.append('s', [{ data: 3 }]), { code: 'FAILED_PRECONDITION', reason: 'STREAM_REMOVED' })
  })

  it('appends nothing at all when one of its keys is taken', async () => {
    const log = openLog(mishaps())
    await log.append('s', [{ key: 'k', data: 1 }])
    await assert.rejects(log.append('s', [{ data: 2 }, { key: 'k', data: 3 }]), { code: 'ALREADY_EXISTS' })
    assert.equal((await log.head('s')).next, 2)
  })
})

describe('the input of a log', () => {
  const log = openLog(mishaps())
  const refusedFor = (field: string) => (error: unknown) =>
    error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field

  it('is refused with the name of the field at fault', async () => {
    await assert.rejects(log.append('', [{ data: 1 }]), refusedFor('stream'))
    await assert.rejects(log.append('s\0', [{ data: 1 }]), refusedFor('stream'))
    await assert.rejects(log.append('s', [{ data: 1 }, { data: [undefined] }]), refusedFor('entries[1].data[0]'))
    await assert.rejects(log.append('s', [{ key: '', data: 1 }]), refusedFor('entries[0].key'))
    await assert.rejects(
      log.append('s', [
        { key: 'k', data: 1 },
        { key: 'k', data: 1 },
      ]),
      refusedFor('entries[1].key'),
    )
    await assert.rejects(
      log.append(
        's',
        Array.from({ length: 10_001 }, () => ({ data: 1 })),
      ),
      refusedFor('entries'),
    )
    await assert.rejects(log.append('s', [{ data: 1 }], { ifNext: 0 }), refusedFor('ifNext'))
    await assert.rejects(log.read('s', { limit: 0 }), refusedFor('limit'))
    await assert.rejects(log.read('s', { limit: 10_001 }), refusedFor('limit'))
    await assert.rejects(log.read('s', { after: -1 }), refusedFor('after'))
    await assert.rejects(log.read('s', { before: 1.5 }), refusedFor('before'))
    await assert.rejects(log.fork('s', -1, 'u'), refusedFor('at'))
    await assert.rejects(log.amend('s', 0, 1), refusedFor('seq'))
    await assert.rejects(log.trim('s', { keepLast: 1, beforeSeq: 2 }), refusedFor('to'))
    await assert.rejects(log.trim('s', { keepLast: -1 }), refusedFor('to.keepLast'))
    assert.throws(() => log.tail('s', { after: NaN }), refusedFor('after'))
    assert.throws(() => log.tail(''), refusedFor('stream'))
  })

  it('may have long names, up to what an index entry can hold', async () => {
    const long = (length: number) => 'ü'.repeat(length)
    await log.append(long(512), [{ key: long(512), data: 1 }])
    await assert.rejects(
      log.append('語'.repeat(512), [{ key: '語'.repeat(512), data: 1 }]),
      refusedFor('entries[0].key'),
    )
    await assert.rejects(log.append(long(513), [{ data: 1 }]), refusedFor('stream'))
  })
})
