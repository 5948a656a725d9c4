import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Log } from '../document-store.js'
import { type Suite, upTo } from './suite.js'

export function testForks(suite: Suite): void {
  const open = (): Log<string> => suite.tenant().log<string>('conformance-log')
  const append = (log: Log<string>, stream: string, ...texts: string[]) =>
    log.append(
      stream,
      texts.map((data) => ({ data })),
    )
  const texts = async (log: Log<string>, stream: string, options?: Parameters<Log<string>['read']>[1]) =>
    (await log.read(stream, options)).map(({ data }) => data)

  describe('a branch', () => {
    it('reads as its parent up to the fork, and goes on by itself', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2', 'm3')
      await log.fork('main', 2, 'branch')
      assert.deepEqual(await texts(log, 'branch'), ['m1', 'm2'])
      const [own] = await append(log, 'branch', 'b3')
      assert.equal(own?.seq, 3)
      await append(log, 'main', 'm4')
      assert.deepEqual(await texts(log, 'branch'), ['m1', 'm2', 'b3'])
      assert.deepEqual(await texts(log, 'main'), ['m1', 'm2', 'm3', 'm4'])
      const { next, first, exists } = await log.head('branch')
      assert.deepEqual({ next, first, exists }, { next: 4, first: 1, exists: true })
      const [shared] = await log.read('branch', { limit: 1 })
      assert.deepEqual(shared, (await log.read('main', { limit: 1 }))[0])
    })

    it('is read across the fork in both directions, with bounds and limits', async () => {
      const log = open()
      await append(log, 'main', '1', '2', '3', '4')
      await log.fork('main', 3, 'branch')
      assert.deepEqual(await texts(log, 'branch', { before: 3, limit: 1, reverse: true }), ['2'])
      await append(log, 'branch', '4b', '5b')
      assert.deepEqual(await texts(log, 'branch', { before: 3, limit: 1, reverse: true }), ['2'])
      assert.deepEqual(await texts(log, 'branch', { after: 1, limit: 3 }), ['2', '3', '4b'])
      assert.deepEqual(await texts(log, 'branch', { reverse: true, limit: 3 }), ['5b', '4b', '3'])
      assert.deepEqual(await texts(log, 'branch', { reverse: true, before: 5, after: 1 }), ['4b', '3', '2'])
      assert.deepEqual(await texts(log, 'branch', { after: 3 }), ['4b', '5b'])
      assert.deepEqual(await texts(log, 'branch', { before: 3 }), ['1', '2'])
    })

    it('can branch off from a branch, before and after its own fork', async () => {
      const log = open()
      await append(log, 'a', 'a1', 'a2', 'a3', 'a4')
      await log.fork('a', 3, 'b')
      await append(log, 'b', 'b4', 'b5')
      await log.fork('b', 4, 'c')
      await log.fork('b', 2, 'd')
      await append(log, 'c', 'c5')
      await append(log, 'd', 'd3')
      assert.deepEqual(await texts(log, 'c'), ['a1', 'a2', 'a3', 'b4', 'c5'])
      assert.deepEqual(await texts(log, 'd'), ['a1', 'a2', 'd3'])
      let from = 'c'
      for (const depth of upTo(20)) {
        await log.fork(from, 5 + depth, `deep${depth}`)
        await append(log, `deep${depth}`, `deep ${depth}`)
        from = `deep${depth}`
      }
      assert.deepEqual((await texts(log, from)).slice(0, 6), ['a1', 'a2', 'a3', 'b4', 'c5', 'deep 0'])
      assert.equal((await log.head(from)).next, 26)
    })

    it('may start from nothing, or from all there is', async () => {
      const log = open()
      await append(log, 'main', 'm1')
      await log.fork('main', 0, 'empty')
      await log.fork('main', 1, 'whole')
      assert.deepEqual(await texts(log, 'empty'), [])
      assert.deepEqual(
        (await append(log, 'empty', 'e1')).map(({ seq }) => seq),
        [1],
      )
      assert.deepEqual(
        (await append(log, 'whole', 'w2')).map(({ seq }) => seq),
        [2],
      )
    })

    it('is refused where it cannot be', async () => {
      const log = open()
      await append(log, 'main', 'm1')
      await append(log, 'other', 'o1')
      await append(log, 'gone', 'g1')
      await log.remove('gone')
      await assert.rejects(log.fork('none', 0, 'x'), { code: 'NOT_FOUND' })
      await assert.rejects(log.fork('gone', 0, 'x'), { code: 'NOT_FOUND' })
      await assert.rejects(log.fork('main', 2, 'x'), { code: 'OUT_OF_RANGE' })
      await assert.rejects(log.fork('main', 1, 'other'), { code: 'ALREADY_EXISTS' })
      await assert.rejects(log.fork('main', 1, 'gone'), { code: 'ALREADY_EXISTS' })
      await assert.rejects(log.fork('main', 1, 'main'), { code: 'ALREADY_EXISTS' })
      assert.equal((await log.head('x')).exists, false)
    })

    it('is made by exactly one of many who try', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2')
      const tries = await Promise.allSettled(upTo(10).map((n) => log.fork('main', n % 3, 'x')))
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
      for (const one of tries) if (one.status === 'rejected') assert.equal(one.reason.code, 'ALREADY_EXISTS')
    })

    it('knows the keys of its past, and no later ones of its parent', async () => {
      const log = open()
      await log.append('main', [
        { key: 'k1', data: '1' },
        { key: 'k2', data: '2' },
      ])
      await log.fork('main', 1, 'branch')
      const again = await log.append('branch', [
        { key: 'k1', data: '1' },
        { key: 'k2', data: 'another' },
      ])
      assert.deepEqual(
        again.map(({ seq, data }) => [seq, data]),
        [
          [1, '1'],
          [2, 'another'],
        ],
      )
      await assert.rejects(log.append('branch', [{ key: 'k1', data: 'x' }]), { code: 'ALREADY_EXISTS' })
    })

    it('keeps its past when its parent is trimmed or removed', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2', 'm3', 'm4')
      await log.fork('main', 3, 'branch')
      await append(log, 'branch', 'b4')
      assert.equal(await log.trim('main', { keepLast: 1 }), 3)
      assert.deepEqual(await texts(log, 'main'), ['m4'])
      assert.deepEqual(await texts(log, 'branch'), ['m1', 'm2', 'm3', 'b4'])
      assert.equal(await log.remove('main'), true)
      assert.deepEqual(await texts(log, 'main'), [])
      assert.deepEqual(await texts(log, 'branch'), ['m1', 'm2', 'm3', 'b4'])
      await log.fork('branch', 2, 'twig')
      assert.equal(await log.remove('branch'), true)
      assert.deepEqual(await texts(log, 'twig'), ['m1', 'm2'])
      assert.deepEqual(
        (await append(log, 'twig', 't3')).map(({ seq }) => seq),
        [3],
      )
    })

    it('can be trimmed without harm to its parent', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2', 'm3')
      await log.fork('main', 3, 'branch')
      await append(log, 'branch', 'b4', 'b5')
      await log.trim('branch', { beforeSeq: 3 })
      assert.deepEqual(await texts(log, 'branch'), ['m3', 'b4', 'b5'])
      assert.equal((await log.head('branch')).first, 3)
      await log.trim('branch', { keepLast: 1 })
      assert.deepEqual(await texts(log, 'branch'), ['b5'])
      assert.deepEqual(await texts(log, 'main'), ['m1', 'm2', 'm3'])
    })

    it('starts where its parent does, when that was trimmed before', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2', 'm3', 'm4')
      await log.trim('main', { beforeSeq: 3 })
      await log.fork('main', 3, 'branch')
      assert.deepEqual(await texts(log, 'branch'), ['m3'])
      await log.fork('main', 1, 'early')
      assert.deepEqual(await texts(log, 'early'), [])
      assert.deepEqual(
        (await append(log, 'early', 'e2')).map(({ seq }) => seq),
        [2],
      )
      assert.deepEqual(await texts(log, 'early'), ['e2'])
    })

    it('shows what its parent amends, and amends only its own', async () => {
      const log = open()
      await append(log, 'main', 'm1', 'm2')
      await log.fork('main', 2, 'branch')
      await append(log, 'branch', 'b3')
      await log.amend('main', 1, 'redacted')
      assert.deepEqual(await texts(log, 'branch'), ['redacted', 'm2', 'b3'])
      assert.equal(await log.amend('branch', 2, 'x'), undefined)
      assert.equal((await log.amend('branch', 3, 'own'))?.data, 'own')
      assert.deepEqual(await texts(log, 'main'), ['redacted', 'm2'])
    })
  })
}
