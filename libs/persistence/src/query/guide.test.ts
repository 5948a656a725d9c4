import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import { parseFilter } from './filter.js'
import { matches } from './match.js'
import { applyUpdate, parseUpdate } from './update.js'

const guide = readFileSync(join(import.meta.dirname, '../../../../docs/guides/queries.md'), 'utf8')

/** The rows of the table with these columns, cell by cell. */
function table(...columns: readonly string[]): string[][] {
  const lines = guide.split('\n').map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
  const rows = lines.slice(lines.findIndex((cells) => cells.join() === columns.join()) + 2)
  const end = rows.findIndex((cells) => cells.length < columns.length)
  assert.ok(end > 10)
  return rows.slice(0, end)
}

/** What stands between backquotes, as JavaScript. */
function values(cell = ''): unknown[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => runInNewContext(`(${code})`) as unknown)
}

const stored = (data: unknown): unknown => JSON.parse(JSON.stringify(data))

describe('the guide says of a filter', () => {
  const rows = table('operator', 'filter', 'finds', 'does not find')
  for (const [operator = '', code, finds, others] of rows) {
    it(`what ${operator} finds: ${code}`, () => {
      const [filter] = values(code)
      const match = (data: unknown): boolean =>
        matches(parseFilter(filter), { id: 'd', version: 1, createdAt: 0, updatedAt: 0, data: stored(data) })
      for (const data of values(finds)) assert.ok(match(data), JSON.stringify(data))
      for (const data of values(others)) assert.ok(!match(data), JSON.stringify(data))
      assert.ok(values(finds).length > 0 && values(others).length > 0)
    })
  }

  it('every operator that there is', () => {
    const named = rows.map(([operator]) => operator).join(' ')
    const unknown = (filter: unknown): string[] => {
      try {
        parseFilter(filter)
      } catch (error) {
        return String(error).match(/\$\w+/g)?.slice(1) ?? []
      }
      return []
    }
    const known = [...unknown({ a: { $foo: 1 } }), ...unknown({ $foo: 1 })].filter((name) => name !== '$foo')
    assert.ok(known.length > 20)
    for (const name of known) if (name !== '$text') assert.ok(named.includes(name), name)
    assert.match(guide, /\$text: \{ \$search/)
  })
})

describe('the guide says of an update', () => {
  const rows = table('operator', 'update', 'before', 'after')
  for (const [operator = '', code, before, after] of rows) {
    it(`what ${operator} does: ${code}`, () => {
      const [update] = values(code)
      const [data] = values(before)
      const [expected] = values(after)
      const updated = applyUpdate(stored(data), parseUpdate(update))
      if (expected === undefined) assert.match(JSON.stringify(updated), /^\{"at":"\d{4}-.*Z"\}$/)
      else assert.deepEqual(updated, stored(expected))
    })
  }

  it('every operator that there is', () => {
    const named = rows.map(([operator]) => operator).join(' ')
    assert.throws(
      () => parseUpdate({ $foo: {} }),
      (error) => {
        const known = String(error).match(/\$\w+/g)?.slice(1) ?? []
        assert.ok(known.length > 12)
        for (const name of known) assert.ok(named.includes(name), name)
        return true
      },
    )
  })
})
