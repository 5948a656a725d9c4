import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { openDocumentStore } from '@holdfast/persistence'
import { outputOf, runCli } from '../cli-process.js'

describe('holdfast data', () => {
  let folder: string
  let plain: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-data-'))
    await using store = await openDocumentStore(`embedded:${join(folder, 'source')}`)
    const acme = store.tenant('acme')
    await acme.collection('notes').load(Array.from({ length: 2_000 }, (_, n) => ({ id: `n-${n}`, data: { n } })))
    await acme.log('events').append('s', [{ key: 'k', data: { text: 'NUL \0' } }])
    await acme.blobs.put(Buffer.alloc(300_000, 'holdfast'), { contentType: 'image/png' })
    await store.collection('notes').put('mine', { n: -1 })
    plain = ''
    for await (const line of store.export()) plain += line
  })

  after(() => rm(folder, { recursive: true, force: true }))

  const at = (name: string): string => join(folder, name)

  it('moves everything from one folder to another, compressed or not, and changes nothing the second time', async () => {
    const exported = await outputOf(['data', 'export', at('all.jsonl.gz'), '--data', at('source'), '--json'])
    const { documents, entries, blobs } = JSON.parse(exported) as Record<string, number>
    assert.deepEqual([documents, entries, blobs], [2_001, 1, 1])
    assert.equal(gunzipSync(await readFile(at('all.jsonl.gz'))).toString(), plain)
    const report = await outputOf(['data', 'import', at('all.jsonl.gz'), '--data', at('copy')])
    assert.match(
      report,
      /^read 1 collections, 2001 documents, .*; wrote 2001 documents, 1 streams, 1 entries, 1 blobs, in/,
    )
    assert.equal(await outputOf(['data', 'export', '-', '--data', at('copy')]), plain)
    const again = await outputOf(['data', 'import', '-', '--data', at('copy'), '--json'], { input: plain })
    const { read, written } = JSON.parse(again) as { read: { documents: number }; written: object }
    assert.equal(read.documents, 2_001)
    assert.deepEqual(written, { keys: 0, documents: 0, streams: 0, entries: 0, blobs: 0, links: 0 })
  })

  it('moves one tenant, under another name if wanted', async () => {
    await outputOf(['data', 'export', at('acme.jsonl'), '--tenant', 'acme', '--data', at('source')])
    await outputOf(['data', 'import', at('acme.jsonl'), '--tenant', 'other', '--data', at('source')])
    await using store = await openDocumentStore(`embedded:${at('source')}`)
    assert.equal(await store.tenant('other').collection('notes').count(), 2_000)
  })

  it('imports nothing at all of a file that is damaged or cut off, and names the line', async () => {
    const lines = plain.split('\n')
    const damaged = [
      {
        content: plain.replace('"n":1500}', '"n":1501}'),
        line: lines.findIndex((line) => line.includes('"n":1500}')) + 1,
      },
      { content: lines.slice(0, 1_000).join('\n'), line: 1_001 },
    ]
    for (const { content, line } of damaged) {
      await writeFile(at('damaged.jsonl'), content)
      const { code, stderr } = await runCli(['data', 'import', at('damaged.jsonl'), '--data', at('untouched')])
      assert.equal(code, 65)
      assert.match(stderr, new RegExp(`^holdfast: DATA_LOSS: Line ${line} `))
    }
    await writeFile(at('cut.jsonl.gz'), gzipSync(plain).subarray(0, -1_000))
    const { code, stderr } = await runCli(['data', 'import', at('cut.jsonl.gz'), '--data', at('untouched')])
    assert.deepEqual([code, stderr.startsWith('holdfast: DATA_LOSS: ')], [65, true])
    assert.ok(!(await readdir(folder)).includes('untouched'))
  })

  it('reports what is there and differs, or replaces it', async () => {
    {
      await using store = await openDocumentStore(`embedded:${at('differing')}`)
      await store.tenant('acme').collection('notes').put('n-7', { n: 'mine' })
    }
    await writeFile(at('all.jsonl'), plain)
    const importing = ['data', 'import', at('all.jsonl'), '--data', at('differing')]
    const refused = await runCli(importing)
    assert.equal(refused.code, 73)
    assert.match(
      refused.stderr,
      /^holdfast: ALREADY_EXISTS: Line \d+ of the export: notes has a document n-7 that differs/,
    )
    await outputOf([...importing, '--on-conflict', 'replace'])
    await using store = await openDocumentStore(`embedded:${at('differing')}`)
    assert.deepEqual((await store.tenant('acme').collection('notes').get('n-7'))?.data, { n: 7 })
  })

  it('imports what mongoexport wrote', async () => {
    const documents = Array.from({ length: 30 }, (_, n) => ({
      _id: { $oid: `57e193d7a9cc81b4027498${n + 10}` },
      n: { $numberInt: `${n}` },
    }))
    await writeFile(at('people.json'), JSON.stringify(documents))
    const importing = ['data', 'import', at('people.json'), '--format', 'mongodb', '--data', at('mongodb')]
    const report = JSON.parse(
      await outputOf([...importing, '--collection', 'people', '--tenant', 'acme', '--json']),
    ) as object
    assert.deepEqual({ ...report, seconds: 0 }, { loaded: 30, skipped: 0, seconds: 0 })
    await writeFile(at('people.json'), '{"_id":1,"n":{"$numberDouble":"NaN"}}')
    const refused = await runCli([...importing, '--collection', 'people'])
    assert.equal(refused.code, 64)
    assert.match(refused.stderr, /line 1: data\.n is NaN/)
    const kept = await outputOf([...importing, '--collection', 'people', '--inexact', 'text'])
    assert.match(kept, /^wrote 1 documents; left 0/)
    await using store = await openDocumentStore(`embedded:${at('mongodb')}`)
    assert.deepEqual((await store.collection('people').get('1'))?.data, { n: 'NaN' })
    assert.equal(
      await store
        .tenant('acme')
        .collection('people')
        .count({ n: { $gte: 20 } }),
      10,
    )
  })

  it('says what is wrong with its arguments', async () => {
    const exits = async (code: number, ...args: string[]): Promise<void> => {
      const { code: actual, stderr } = await runCli(['data', ...args])
      assert.equal(actual, code, `${args.join(' ')}: ${stderr}`)
    }
    await exits(66, 'export', '-', '--data', at('nowhere'))
    await exits(66, 'import', at('nothing.jsonl'), '--data', at('nowhere'))
    await exits(64, 'export', '-', '--json', '--data', at('source'))
    await exits(64, 'import', at('all.jsonl'), '--format', 'csv')
    await exits(64, 'import', at('all.jsonl'), '--format', 'mongodb')
    await exits(64, 'import', at('all.jsonl'), '--collection', 'people')
    await exits(64, 'export')
    assert.ok(!(await readdir(folder)).includes('nowhere'))
  })
})
