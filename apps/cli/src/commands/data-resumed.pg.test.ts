import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { CliProcess, outputOf } from '../cli-process.js'

test('an import that is stopped and killed goes on, nothing doubled, and ends as one that was not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-data-resumed-'))
  try {
    await using database = await postgresForTests()
    await using source = await openDocumentStore('memory:')
    await source.collection('notes').load(Array.from({ length: 15_000 }, (_, n) => ({ id: `n-${n}`, data: { n } })))
    for (let stream = 0; stream < 20; stream += 1) {
      const entries = Array.from({ length: 500 }, (_, n) => ({ key: `k-${n}`, data: { n } }))
      await source.log('events').append(`s-${stream}`, entries)
    }
    await source.log('events').fork('s-9', 100, 'a-branch')
    for (let blob = 0; blob < 5; blob += 1) await source.blobs.put(Buffer.alloc(2_000_000, `blob ${blob}`))
    let lines = ''
    for await (const line of source.export()) lines += line
    const file = join(folder, 'all.jsonl')
    await writeFile(file, lines)

    await using target = await openDocumentStore(database.url)
    const notes = target.collection('notes')
    const importing = ['data', 'import', file, '--database', database.url]
    const endWhen = async (isTime: () => Promise<boolean>, signal: NodeJS.Signals): Promise<void> => {
      await using command = new CliProcess(importing)
      while (!(await isTime())) {
        assert.equal(command.child.exitCode, null, `It ended before it was to be ended: ${command.stderr}`)
        await delay(5)
      }
      const end = await command.end(signal)
      assert.equal(end, signal === 'SIGKILL' ? signal : 130, command.stderr)
    }
    await endWhen(async () => (await notes.count()) >= 2_000, 'SIGINT')
    assert.ok((await notes.count()) < 15_000)
    await endWhen(async () => (await notes.count()) >= 8_000, 'SIGKILL')
    await endWhen(async () => (await target.log('events').head('s-1')).exists, 'SIGKILL')
    await outputOf(importing)
    let imported = ''
    for await (const line of target.export()) imported += line
    assert.ok(imported === lines, 'What was imported is exported otherwise')
    assert.match(await outputOf(importing), /; wrote nothing,/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
