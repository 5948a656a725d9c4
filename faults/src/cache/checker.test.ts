import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check, type Verdict } from './checker.js'
import { type Operation, readHistory } from './history.js'

const sound: Verdict = { stale_reads: 0, backwards: 0, lost_writes: 0, resurrected: 0, errors_as_empty: 0, phantoms: 0 }
const key = 'k'

type More = Partial<Operation>

const write = (start: number, end: number, value: string, version?: number, more: More = {}): Operation => ({
  process: 0,
  key,
  kind: 'write',
  start,
  end,
  outcome: 'done',
  value,
  version,
  ...more,
})
const read = (start: number, end: number, value?: string, version?: number, more: More = {}): Operation => ({
  process: 1,
  key,
  kind: 'read',
  start,
  end,
  outcome: 'done',
  value,
  version,
  ...more,
})
const remove = (start: number, end: number, more: More = {}): Operation => ({
  process: 0,
  key,
  kind: 'delete',
  start,
  end,
  outcome: 'done',
  existed: true,
  ...more,
})

function assertVerdict(history: readonly Operation[], expected: Partial<Verdict>, stored: readonly Operation[] = []) {
  const { verdict, findings } = check(history, stored)
  assert.deepEqual(verdict, { ...sound, ...expected }, JSON.stringify(findings))
}

describe('the checker of cache histories', () => {
  const a = write(0, 10, 'a', 1)
  const b = write(20, 30, 'b', 2)

  it('finds nothing where nothing is wrong', () => {
    assertVerdict(
      [
        read(0, 1),
        a,
        read(11, 12, 'a', 1),
        b,
        // Beside the write either is right.
        read(21, 29, 'a', 1, { process: 2 }),
        read(21, 29, 'b', 2),
        read(31, 32, 'b', 2),
        remove(40, 50),
        read(41, 49),
        read(51, 52),
        write(60, 70, 'c', 4),
        read(71, 72, 'c', 4),
      ],
      {},
      [read(100, 101, 'c', 4)],
    )
  })

  it('finds a stale read, and only if it began after the newer write was acknowledged', () => {
    assertVerdict([a, b, read(31, 32, 'a', 1)], { stale_reads: 1 })
    assertVerdict([a, b, read(30, 32, 'a', 1)], {})
    assertVerdict([a, b, read(31, 32, 'a')], { stale_reads: 1 })
  })

  it('finds a process that goes back, also to a write that nobody acknowledged', () => {
    const unknown = write(20, 30, 'b', undefined, { outcome: 'unknown' })
    const forth = read(40, 41, 'b', 2)
    assertVerdict([a, unknown, forth, read(42, 43, 'a', 1)], { backwards: 1 })
    assertVerdict([a, unknown, forth, read(40, 43, 'a', 1)], {})
    assertVerdict([a, unknown, forth, read(42, 43, 'a', 1, { process: 2 })], {})
    assertVerdict([a, unknown, forth, read(42, 43)], { backwards: 1, errors_as_empty: 1 })
  })

  it('says nothing of a write whose version nobody knows', () => {
    const unknown = write(5, 15, 'u', undefined, { outcome: 'unknown' })
    assertVerdict([a, b, unknown, read(31, 32, 'u')], {})
    assertVerdict([a, b, unknown, read(31, 32, 'u'), read(41, 42, 'u', 3)], {})
    assertVerdict([a, write(20, 30, 'b', 3), unknown, read(31, 32, 'u'), read(31, 33, 'u', 2)], { stale_reads: 2 })
  })

  it('finds lost writes: gone at the end, versions given twice or backwards', () => {
    assertVerdict([a, b], { lost_writes: 1 }, [read(100, 101, 'a', 1)])
    assertVerdict([a, b], { lost_writes: 1 }, [read(100, 101)])
    assertVerdict([a, write(20, 30, 'b', 1)], { lost_writes: 2 })
    assertVerdict([write(0, 10, 'a', 5), write(20, 30, 'b', 4)], { lost_writes: 1 })
    assertVerdict([write(0, 25, 'a', 5), write(20, 30, 'b', 4)], {})
  })

  it('finds what was deleted and comes back', () => {
    assertVerdict([a, remove(20, 30), read(31, 32, 'a', 1)], { resurrected: 1 })
    assertVerdict([a, remove(20, 30), read(29, 32, 'a', 1)], {})
    assertVerdict([a, remove(20, 30, { outcome: 'unknown' }), read(31, 32, 'a', 1)], {})
    assertVerdict([a, remove(20, 30, { outcome: 'refused' }), read(31, 32, 'a', 1)], {})
    assertVerdict([a, remove(5, 30), read(31, 32, 'a', 1)], {})
  })

  it('finds what outlives its lifetime, and lets it end', () => {
    const short = write(0, 10, 'a', 1, { ttlMs: 100 })
    assertVerdict([short, read(260_000, 260_010, 'a', 1)], { resurrected: 1 })
    assertVerdict([short, read(90_000, 90_010, 'a', 1), read(110_000, 110_010)], {})
    assertVerdict([write(0, 10, 'a', 1, { ttlMs: 1_000 }), read(110_000, 110_010)], { errors_as_empty: 1 })
    assertVerdict([short, write(20, 30, 'b', 2), read(900_000, 900_010)], { errors_as_empty: 1 })
  })

  it('finds an outage that passes for nothing there', () => {
    assertVerdict([a, read(11, 12)], { errors_as_empty: 1 })
    assertVerdict([a, read(5, 12)], {})
    assertVerdict([a, read(11, 12, undefined, undefined, { outcome: 'refused' })], {})
    assertVerdict([a, remove(11, 12, { existed: false })], { errors_as_empty: 1 })
    assertVerdict([remove(0, 5), write(6, 10, 'a', 2), read(11, 12)], { errors_as_empty: 1 })
    assertVerdict([remove(0, 7), write(6, 10, 'a', 2), read(11, 12)], {})
    assertVerdict([remove(0, 5, { outcome: 'unknown' }), write(6, 10, 'a', 2), read(11, 12)], {})
  })

  it('finds values that cannot be', () => {
    assertVerdict([a, read(11, 12, 'z', 1)], { phantoms: 1 })
    assertVerdict([a, write(20, 30, 'b', undefined, { outcome: 'refused' }), read(31, 32, 'b', 2)], { phantoms: 1 })
    assertVerdict([read(0, 1, 'a', 1), write(2, 10, 'a', 1)], { phantoms: 1 })
    assertVerdict([a, read(11, 12, 'a', 7)], { phantoms: 1 })
  })
})

describe('the history of a killed process', () => {
  it('has what had ended, and what had begun as unknown', () => {
    const { end: _, outcome: __, ...begun } = write(5, 0, 'b')
    const lines = [
      { change: 1, begun: [{ ...begun, value: 'a' }] },
      { ended: [read(1, 2)] },
      { change: 1, ended: [write(0, 10, 'a', 1)] },
      { change: 2, begun: [begun] },
    ].map((line) => JSON.stringify(line))
    const operations = readHistory(`${lines.join('\n')}\n{"change":3,"begun":[{"proc`, 99)
    assert.deepEqual(
      operations.map(({ kind, value, outcome, end, killed }) => [kind, value, outcome, end, killed]),
      [
        ['read', undefined, 'done', 2, undefined],
        ['write', 'a', 'done', 10, undefined],
        ['write', 'b', 'unknown', 99, true],
      ],
    )
    assertVerdict([...operations, read(200, 201, 'b', 2), read(202, 203, 'a', 1)], { backwards: 1 })
  })
})
