import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { inputLines } from './input-lines.js'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-lines-'))
})

after(() => rm(folder, { recursive: true, force: true }))

async function linesOf(content: string | Buffer): Promise<string[]> {
  const file = join(folder, 'lines')
  await writeFile(file, content)
  const lines: string[] = []
  for await (const { text, place } of inputLines(file, process.stdin)) lines.push(`${place.slice(file.length)} ${text}`)
  return lines
}

test('numbers lines and leaves out empty ones', async () => {
  assert.deepEqual(await linesOf('a\n\n  \nb\r\nc'), [':1 a', ':4 b\r', ':5 c'])
})

test('does not cut at U+2028 or U+0085, which JSON allows in strings', async () => {
  assert.deepEqual(await linesOf('"a\u2028b\u0085c"\n'), [':1 "a\u2028b\u0085c"'])
})

test('puts lines together wherever the chunks were cut', async () => {
  const chunks = ['{"a":', '"', Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1), '"}\n{', '}\n'].map(
    (chunk) => Buffer.from(chunk),
  )
  const lines: string[] = []
  for await (const { text } of inputLines('-', Readable.from(chunks))) lines.push(text)
  assert.deepEqual(lines, ['{"a":"é"}', '{}'])
})

test('names file and line of bytes that are not UTF-8', async () => {
  await assert.rejects(linesOf(Buffer.from([0x61, 0x0a, 0xff, 0x0a])), {
    code: 'INVALID_ARGUMENT',
    message: `${join(folder, 'lines')}:2 is not UTF-8`,
  })
})

test('answers NOT_FOUND for a file that is not there', async () => {
  const lines = inputLines(join(folder, 'none'), process.stdin)
  await assert.rejects(lines.next(), { code: 'NOT_FOUND', message: /none cannot be read/ })
})
