import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, Log } from '../document-store.js'
import { type Suite, upTo } from './suite.js'

export function testLogs(suite: Suite): void {
  const open = <T = unknown>(): Log<T> => suite.tenant().log<T>('conformance-log')
  const data = <T>(entries: readonly Entry<T>[]): T[] => entries.map((entry) => entry.data)
  const seqs = (entries: readonly Entry<unknown>[]): number[] => entries.map(({ seq }) => seq)

  describe('an append to a log', () => {
    it('numbers the entries from 1 without gaps', async () => {
      const log = open()
      const before = await suite.store.now()
      const first = await log.append('s', [{ data: 'a' }, { key: 'k', data: { b: 1 } }])
      const second = await log.append('s', [{ data: null }])
      const after = await suite.store.now()
      assert.deepEqual(
        first.map(({ seq, key, data }) => [seq, key, data]),
        [
          [1, undefined, 'a'],
          [2, 'k', { b: 1 }],
        ],
      )
      assert.deepEqual(seqs(second), [3])
      for (const { at } of [...first, ...second]) assert.ok(before <= at && at <= after)
      assert.deepEqual(await log.read('s'), [...first, ...second])
    })

    it('of many at once leaves no gap, and keeps each caller’s order', async () => {
      const log = open<{ caller: number; n: number }>()
      const answers = await Promise.all(
        upTo(20).map(async (caller) => {
          const numbers: number[] = []
          for (const n of upTo(10)) numbers.push(...seqs(await log.append('s', [{ data: { caller, n } }])))
          return numbers
        }),
      )
      const entries = await log.read('s')
      assert.deepEqual(
        seqs(entries),
        upTo(200).map((n) => n + 1),
      )
      for (const caller of upTo(20)) {
        const own = entries.filter((entry) => entry.data.caller === caller)
        assert.deepEqual(
          own.map((entry) => entry.data.n),
          upTo(10),
        )
        assert.deepEqual(seqs(own), answers[caller])
      }
      for (const [index, { at }] of entries.entries()) assert.ok(index === 0 || at >= (entries[index - 1]?.at ?? at))
    })

    it('fired off all at once keeps their order', async () => {
      const log = open<number>()
      const answers = await Promise.all(upTo(100).map((n) => log.append('s', [{ data: n }, { data: n }])))
      assert.deepEqual(
        answers.map(seqs),
        upTo(100).map((n) => [2 * n + 1, 2 * n + 2]),
      )
    })

    it('to many streams keeps them apart', async () => {
      const log = open<number>()
      await Promise.all(upTo(200).map((n) => log.append(`s${n % 40}`, [{ data: n }])))
      for (const stream of upTo(40)) {
        assert.deepEqual(
          data(await log.read(`s${stream}`)),
          upTo(5).map((n) => stream + n * 40),
        )
      }
    })

    it('of nothing appends nothing', async () => {
      const log = open()
      assert.deepEqual(await log.append('s', []), [])
      assert.equal((await log.head('s')).next, 1)
    })

    it('of a thousand entries is one', async () => {
      const log = open<number>()
      const entries = await log.append(
        's',
        upTo(1_000).map((n) => ({ key: `k${n}`, data: n })),
      )
      assert.deepEqual(
        seqs(entries),
        upTo(1_000).map((n) => n + 1),
      )
      assert.deepEqual(data(await log.read('s')), upTo(1_000))
    })
  })

  describe('a key', () => {
    it('makes an append safe to repeat', async () => {
      const log = open()
      const first = await log.append('s', [{ key: 'k', data: { a: 1, b: 2 } }])
      assert.deepEqual(await log.append('s', [{ key: 'k', data: { b: 2, a: 1 } }]), first)
      assert.equal((await log.head('s')).next, 2)
    })

    it('is refused with other data', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: 1 }])
      await assert.rejects(log.append('s', [{ key: 'k', data: 2 }]), { code: 'ALREADY_EXISTS' })
      assert.deepEqual(data(await log.read('s')), [1])
    })

    it('twice in one append is refused', async () => {
      const log = open()
      const twice = log.append('s', [
        { key: 'k', data: 1 },
        { key: 'k', data: 2 },
      ])
      await assert.rejects(twice, { code: 'INVALID_ARGUMENT' })
      assert.equal((await log.head('s')).exists, false)
    })

    it('appends only what is not there yet', async () => {
      const log = open()
      await log.append('s', [{ key: 'b', data: 'b' }])
      const mixed = await log.append('s', [{ key: 'a', data: 'a' }, { key: 'b', data: 'b' }, { data: 'c' }])
      assert.deepEqual(
        mixed.map(({ seq, key, data }) => [seq, key, data]),
        [
          [2, 'a', 'a'],
          [1, 'b', 'b'],
          [3, undefined, 'c'],
        ],
      )
      assert.deepEqual(data(await log.read('s')), ['b', 'a', 'c'])
    })

    it('is appended once by many at once, and all get the same entry', async () => {
      const log = open()
      const answers = await Promise.all(upTo(30).map((n) => log.append('s', [{ key: `k${n % 3}`, data: n % 3 }])))
      assert.equal((await log.head('s')).next, 4)
      for (const [n, entries] of answers.entries()) assert.deepEqual(entries, answers[n % 3])
    })

    it('in another stream is another', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: 1 }])
      assert.deepEqual(seqs(await log.append('t', [{ key: 'k', data: 2 }])), [1])
    })

    it('of a trimmed entry is forgotten', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: 1 }, { data: 2 }])
      await log.trim('s', { keepLast: 1 })
      assert.deepEqual(seqs(await log.append('s', [{ key: 'k', data: 3 }])), [3])
    })
  })

  describe('an expected number', () => {
    const stale = { code: 'ABORTED' }

    it('lets an append through only if it is the next', async () => {
      const log = open()
      assert.deepEqual(seqs(await log.append('s', [{ data: 1 }], { ifNext: 1 })), [1])
      await assert.rejects(log.append('s', [{ data: 2 }], { ifNext: 1 }), stale)
      await assert.rejects(log.append('s', [{ data: 2 }], { ifNext: 3 }), stale)
      await assert.rejects(log.append('new', [{ data: 2 }], { ifNext: 2 }), stale)
      assert.deepEqual(seqs(await log.append('s', [{ data: 2 }], { ifNext: 2 })), [2])
      assert.equal((await log.head('new')).exists, false)
    })

    it('is won by exactly one of many', async () => {
      const log = open()
      const tries = await Promise.allSettled(upTo(20).map((n) => log.append('s', [{ data: n }], { ifNext: 1 })))
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
      for (const one of tries) if (one.status === 'rejected') assert.equal(one.reason.code, 'ABORTED')
      assert.equal((await log.head('s')).next, 2)
    })

    it('does not stop the repetition of an append that was answered but not heard', async () => {
      const log = open()
      const entries = [
        { key: 'a', data: 1 },
        { key: 'b', data: 2 },
      ]
      const first = await log.append('s', entries, { ifNext: 1 })
      await log.append('s', [{ data: 3 }])
      assert.deepEqual(await log.append('s', entries, { ifNext: 1 }), first)
      await assert.rejects(log.append('s', [...entries, { key: 'c', data: 3 }], { ifNext: 1 }), stale)
      assert.equal((await log.head('s')).next, 4)
    })
  })

  describe('a stream', () => {
    it('that must be there is not made by an append', async () => {
      const log = open()
      const missing = { code: 'NOT_FOUND' }
      await assert.rejects(log.append('s', [{ data: 1 }], { ifExists: true }), missing)
      assert.equal((await log.head('s')).exists, false)
      await log.append('s', [{ data: 1 }])
      assert.deepEqual(seqs(await log.append('s', [{ data: 2 }], { ifExists: true })), [2])
    })

    it('can be made empty, once', async () => {
      const log = open()
      const made = await Promise.all(upTo(5).map(() => log.create('s')))
      assert.equal(made.filter(Boolean).length, 1)
      const { next, first, exists, removed } = await log.head('s')
      assert.deepEqual({ next, first, exists, removed }, { next: 1, first: 1, exists: true, removed: false })
      assert.deepEqual(seqs(await log.append('s', [{ data: 1 }], { ifExists: true, ifNext: 1 })), [1])
      assert.equal(await log.create('s'), false)
    })

    it('is read in both directions, between exclusive bounds, up to a limit', async () => {
      const log = open<number>()
      await log.append(
        's',
        upTo(10).map((n) => ({ data: n + 1 })),
      )
      const read = async (options: Parameters<Log<number>['read']>[1]) => data(await log.read('s', options))
      assert.deepEqual(await read({ after: 7 }), [8, 9, 10])
      assert.deepEqual(await read({ before: 3 }), [1, 2])
      assert.deepEqual(await read({ after: 2, before: 5 }), [3, 4])
      assert.deepEqual(await read({ limit: 3 }), [1, 2, 3])
      assert.deepEqual(await read({ limit: 3, reverse: true }), [10, 9, 8])
      assert.deepEqual(await read({ before: 8, limit: 2, reverse: true }), [7, 6])
      assert.deepEqual(await read({ after: 3, before: 9, reverse: true }), [8, 7, 6, 5, 4])
      assert.deepEqual(await read({ after: 5, before: 6 }), [])
      assert.deepEqual(await read({ after: 10 }), [])
      assert.deepEqual(
        await read({ after: 0, before: 1_000 }),
        upTo(10).map((n) => n + 1),
      )
      assert.deepEqual(await log.read('none'), [])
    })

    it('is read 1,000 entries at a time unless asked otherwise', async () => {
      const log = open<number>()
      await log.append(
        's',
        upTo(1_200).map((n) => ({ data: n })),
      )
      assert.equal((await log.read('s')).length, 1_000)
      assert.equal((await log.read('s', { limit: 10_000 })).length, 1_200)
    })

    it('tells where it stands, alone or with others', async () => {
      const log = open()
      const [entry] = (await log.append('a', [{ data: 1 }, { data: 2 }])).slice(-1)
      await log.create('b')
      const heads = await log.heads(['b', 'none', 'a', 'b'])
      assert.deepEqual(
        heads.map(({ next, first, exists, removed }) => [next, first, exists, removed]),
        [
          [1, 1, true, false],
          [1, 1, false, false],
          [3, 1, true, false],
          [1, 1, true, false],
        ],
      )
      assert.deepEqual(
        heads.map(({ at }) => at),
        [0, 0, entry?.at.getTime(), 0],
      )
      assert.deepEqual(await log.head('a'), heads[2])
      assert.deepEqual(await log.heads([]), [])
    })
  })

  describe('a trim', () => {
    it('deletes the oldest entries, and the numbering goes on', async () => {
      const log = open<number>()
      await log.append(
        's',
        upTo(10).map((n) => ({ data: n + 1 })),
      )
      assert.equal(await log.trim('s', { keepLast: 7 }), 3)
      assert.deepEqual(data(await log.read('s')), [4, 5, 6, 7, 8, 9, 10])
      assert.equal(await log.trim('s', { beforeSeq: 6 }), 2)
      assert.equal(await log.trim('s', { beforeSeq: 2 }), 0)
      assert.deepEqual(data(await log.read('s', { limit: 2 })), [6, 7])
      assert.equal((await log.head('s')).first, 6)
      assert.equal(await log.trim('s', { keepLast: 0 }), 5)
      const { next, first, exists } = await log.head('s')
      assert.deepEqual({ next, first, exists }, { next: 11, first: 11, exists: true })
      assert.deepEqual(seqs(await log.append('s', [{ data: 11 }], { ifNext: 11, ifExists: true })), [11])
      assert.deepEqual(data(await log.read('s', { reverse: true })), [11])
    })

    it('by number never reaches beyond the end', async () => {
      const log = open<number>()
      await log.append('s', [{ data: 1 }])
      assert.equal(await log.trim('s', { beforeSeq: 1_000_000 }), 1)
      assert.deepEqual(seqs(await log.append('s', [{ data: 2 }])), [2])
      assert.deepEqual(data(await log.read('s')), [2])
    })

    it('by age keeps what is young enough', async () => {
      const log = open<number>()
      await log.append('s', [{ data: 1 }])
      assert.equal(await log.trim('s', { olderThanMs: 60_000 }), 0)
      assert.equal((await log.read('s')).length, 1)
    })

    it('of nothing deletes nothing', async () => {
      assert.equal(await open().trim('none', { keepLast: 0 }), 0)
    })
  })

  describe('a removal of a stream', () => {
    it('leaves a tombstone: nothing comes back to life', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: 1 }])
      assert.equal(await log.remove('s'), true)
      assert.equal(await log.remove('s'), false)
      assert.deepEqual(await log.read('s'), [])
      const late = { code: 'FAILED_PRECONDITION' }
      await assert.rejects(log.append('s', [{ data: 2 }]), late)
      await assert.rejects(log.append('s', [{ key: 'k', data: 1 }]), late)
      await assert.rejects(log.append('s', [{ data: 2 }], { ifExists: true }), late)
      await assert.rejects(log.append('s', [{ data: 2 }], { ifNext: 1 }), late)
      assert.equal(await log.create('s'), false)
      assert.equal(await log.amend('s', 1, 2), undefined)
      assert.equal(await log.trim('s', { keepLast: 0 }), 0)
      const { exists, removed } = await log.head('s')
      assert.deepEqual({ exists, removed }, { exists: false, removed: true })
    })

    it('of nothing is false, and leaves the name free', async () => {
      const log = open()
      assert.equal(await log.remove('s'), false)
      assert.deepEqual(seqs(await log.append('s', [{ data: 1 }])), [1])
    })

    it('is not undone by appends that race with it', async () => {
      const log = open<number>()
      await log.append('s', [{ data: 0 }])
      const appends = upTo(20).map((n) => log.append('s', [{ data: n }]))
      const [removed, ...results] = await Promise.allSettled([log.remove('s'), ...appends])
      assert.deepEqual(removed, { status: 'fulfilled', value: true })
      for (const one of results) if (one?.status === 'rejected') assert.equal(one.reason.code, 'FAILED_PRECONDITION')
      assert.deepEqual(await log.read('s'), [])
      await assert.rejects(log.append('s', [{ data: 1 }]), { code: 'FAILED_PRECONDITION' })
    })
  })

  describe('an amendment', () => {
    it('replaces the data for good and keeps the rest', async () => {
      const log = open()
      const [, second] = await log.append('s', [{ data: 1 }, { key: 'k', data: 'secret' }, { data: 3 }])
      const amended = await log.amend('s', 2, 'redacted')
      assert.deepEqual(amended, { ...second, data: 'redacted' })
      assert.deepEqual(data(await log.read('s')), [1, 'redacted', 3])
    })

    it('does not make a repeated append a new one', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: { text: 'first' } }])
      await log.amend('s', 1, { text: 'second' })
      await log.amend('s', 1, { text: 'third' })
      const again = await log.append('s', [{ key: 'k', data: { text: 'first' } }])
      assert.deepEqual(
        again.map(({ seq, data }) => [seq, data]),
        [[1, { text: 'third' }]],
      )
      await assert.rejects(log.append('s', [{ key: 'k', data: { text: 'third' } }]), { code: 'ALREADY_EXISTS' })
      assert.equal((await log.head('s')).next, 2)
    })

    it('that forgets keeps nothing to compare with: its key answers any data', async () => {
      const log = open()
      await log.append('s', [{ key: 'k', data: { text: 'secret' } }])
      await log.amend('s', 1, { text: 'edited' })
      await log.amend('s', 1, { text: '' }, { forget: true })
      for (const text of ['secret', 'a guess', '']) {
        const [entry] = await log.append('s', [{ key: 'k', data: { text } }])
        assert.deepEqual([entry?.seq, entry?.data], [1, { text: '' }])
      }
      assert.equal((await log.head('s')).next, 2)
    })

    it('of an entry that is not there is undefined', async () => {
      const log = open()
      assert.equal(await log.amend('none', 1, 'x'), undefined)
      await log.append('s', [{ data: 1 }, { data: 2 }])
      await log.trim('s', { keepLast: 1 })
      assert.equal(await log.amend('s', 1, 'x'), undefined)
      assert.equal(await log.amend('s', 3, 'x'), undefined)
      assert.deepEqual(data(await log.read('s')), [2])
    })
  })
}
