import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { packTemplate, unpackTemplate } from './template.js'

test('what is packed comes out as it was, empty folders and empty files too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-template-'))
  try {
    const from = join(folder, 'from')
    mkdirSync(join(from, 'a', 'empty'), { recursive: true })
    writeFileSync(join(from, 'a', 'bytes'), Buffer.from([0, 1, 255]))
    writeFileSync(join(from, 'nothing'), '')
    writeFileSync(join(folder, 'packed'), packTemplate(from))
    const to = join(folder, 'to')
    mkdirSync(to)
    assert.equal(unpackTemplate(to, join(folder, 'packed')), true)
    const names = readdirSync(from, { recursive: true, encoding: 'utf8' }).toSorted()
    assert.deepEqual(readdirSync(to, { recursive: true, encoding: 'utf8' }).toSorted(), names)
    assert.deepEqual(readFileSync(join(to, 'a', 'bytes')), Buffer.from([0, 1, 255]))
    assert.deepEqual(readFileSync(join(to, 'nothing')), Buffer.alloc(0))
    assert.equal(unpackTemplate(to, join(folder, 'not there')), false)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
