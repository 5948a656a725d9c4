import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { CliProcess, outputOf, runCli, runCliProcess } from '../cli-process.js'

test('a move from a folder to a server that is killed goes on, and leads back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-move-cli-'))
  const from = `embedded:${join(folder, 'data')}`
  try {
    await using database = await postgresForTests()
    {
      await using store = await openDocumentStore(from)
      const documents = Array.from({ length: 20_000 }, (_, n) => ({ id: `n-${n}`, data: { n } }))
      await store.tenant('acme').collection('notes').load(documents)
    }
    const moving = ['move', '--from', from, '--to', database.url]
    await using to = await openDocumentStore(database.url)
    const notes = to.tenant('acme').collection('notes')
    {
      await using command = new CliProcess(moving)
      while ((await notes.count()) < 2_000) {
        assert.equal(command.child.exitCode, null, command.stderr)
        await delay(5)
      }
      await command.end('SIGKILL')
    }
    const { fenced, sha256 } = JSON.parse(await outputOf([...moving, '--json'])) as Record<string, unknown>
    assert.deepEqual([fenced, sha256], [true, (await to.digest()).sha256])
    assert.equal(await notes.count(), 20_000)
    // The folder refuses writes, until that is taken back.
    const write = ['conversations', 'import', '--data', join(folder, 'data'), '-']
    const line = '{"type":"conversation","id":"c","userId":"ada","title":"","metadata":{}}\n'
    const refused = await runCliProcess(write, { input: line })
    assert.equal(refused.code, 78, refused.stderr)
    assert.match(await outputOf(['move', '--from', from, '--to', database.url, '--end-fence']), /takes writes again/)
    assert.equal((await runCliProcess(write, { input: line })).code, 0)
    assert.equal((await runCli(['move', '--from', from])).code, 64)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
