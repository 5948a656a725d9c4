import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  flat,
  listFile,
  listText,
  patternOf,
  statementsIn,
  statementsInCode,
} from './listed-statements.test.support.js'

describe('the list of statements', () => {
  it('has every statement that stands in the code, and no other', () => {
    const again = 'write it anew: node libs/persistence/dist/portability/write-list.test.support.js'
    assert.equal(readFileSync(listFile, 'utf8'), listText(statementsInCode()), again)
  })

  it('notices statements of all kinds, wherever they stand', () => {
    for (const [code, expected] of [
      ['query({ text: `delete from ${table}\\n  where id = $1`, values })', ['delete from … where id = $1']],
      ["const text = 'SELECT 1 from x'", ['SELECT 1 from x']],
      ['f(`with gone as (${deleting}) select 1`)', ['with gone as (…) select 1']],
      [
        'async () => { await run(`create table a (id text); create index b on a (id)`) }',
        ['create table a (id text)', 'create index b on a (id)'],
      ],
      ['`${picked} delete from x`', ['… delete from x']],
      ['const t = { a: [() => `copy ${x} from stdin`] }', ['copy … from stdin']],
      ["throw new Error('select the tables that you mean')", ['select the tables that you mean']],
      ["throw new Error('delete the index first, with force')", []],
    ] as const) {
      assert.deepEqual(statementsIn(code), expected, code)
    }
  })

  it('says enough of each statement to tell it from others', () => {
    for (const { file, text } of statementsInCode()) {
      const said = text.replaceAll('…', ' ').match(/\w+/g) ?? []
      assert.ok(said.length >= 2 || !text.includes('…') || /^(?:listen|analyze) …$/.test(text), `${file}: ${text}`)
    }
  })

  it('is of patterns that hold for what is sent', () => {
    const pattern = patternOf({ file: 'x', text: 'select … from … t where t.id = $1' })
    assert.match(flat('select a, b\n  from holdfast."c_x" t where t.id = $1'), pattern)
    assert.match(flat('select a from x t where t.id = $1'), pattern)
    assert.doesNotMatch('select a from x where t.id = $1; drop table x', pattern)
  })
})
