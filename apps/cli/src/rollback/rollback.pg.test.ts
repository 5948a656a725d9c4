import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createClients } from '@holdfast/grpc-clients'
import { openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver } from '@holdfast/persistence/sql'
import { HoldfastProcess, postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { outputOf } from '../cli-process.js'
import { buildOlderVersion, type OlderVersion, olderVersion } from './older-version.js'

const run = promisify(execFile)
const older = await olderVersion()

// docs/guides/rollback.md, step by step.
describe('going back to the version before', { skip: typeof older === 'string' ? older : false }, () => {
  let database: TestDatabase
  let folder: string
  let previous: OlderVersion

  before(async () => {
    database = await postgresForTests()
    folder = await mkdtemp(join(tmpdir(), 'holdfast-rollback-'))
    if (typeof older !== 'string') previous = await buildOlderVersion(older, join(folder, 'older'))
  })

  after(async () => {
    await database[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const exportedBy = async (binary: string): Promise<string> => {
    const { stdout } = await run(process.execPath, [binary, 'data', 'export', '-', '--database', database.url])
    // What a line says of the store; later versions may add to what the trailer says of the lines.
    return stdout
      .split('\n')
      .filter((line) => !line.startsWith('{"type":"trailer"'))
      .join('\n')
  }

  it('finds all that the new version has written, and the new version what the old one writes then', async () => {
    {
      await using server = await HoldfastProcess.start(['--database', database.url])
      const { code } = await run(process.execPath, [currentBinary, 'smoke', '--address', server.address]).then(
        () => ({ code: 0 }),
        (error: { readonly code: number }) => error,
      )
      assert.equal(code, 0)
      await using clients = createClients({ address: server.address })
      await clients.chat.createConversation({ conversationId: 'kept', title: 'written by the new one' })
      await send(clients, 'new', 'My dog is called Rex.')
    }
    const left = await exportedBy(currentBinary)
    assert.equal(await exportedBy(previous.binary), left, `${previous.name} reads the store otherwise`)
    {
      await using server = await HoldfastProcess.start(['--database', database.url], {}, previous.binary)
      await using clients = createClients({ address: server.address })
      const { messages } = await clients.chat.getMessages({ conversationId: 'kept' })
      assert.deepEqual(
        messages.map(({ id }) => id),
        ['new'],
      )
      await send(clients, 'new', 'My dog is called Rex.')
      await send(clients, 'old', 'Written after going back.')
      const { jobs } = await clients.textToSpeech.list({})
      assert.equal(jobs.length, 1)
    }
    await using server = await HoldfastProcess.start(['--database', database.url])
    await using clients = createClients({ address: server.address })
    const { messages } = await clients.chat.getMessages({ conversationId: 'kept' })
    assert.deepEqual(
      messages.map(({ id }) => id),
      ['new', 'old'],
    )
  })

  it('is refused by a schema that the old version does not know; the backup from before the upgrade is what it reads', async () => {
    const backup = join(folder, 'before-the-upgrade')
    await outputOf(['backup', backup, '--database', database.url])
    const driver = await openPostgresDriver(database.url)
    const text = `insert into holdfast.migrations (version, name) values (9999, 'of a later version')`
    await driver.query({ text, values: [] })
    await driver.close()
    await assert.rejects(exportedBy(previous.binary), /FAILED_PRECONDITION: The database is at schema version 9999/)
    await using fresh = await postgresForTests()
    await outputOf(['restore', backup, '--database', fresh.url])
    const { stdout } = await run(process.execPath, [previous.binary, 'data', 'export', '-', '--database', fresh.url])
    await using store = await openDocumentStore(fresh.url)
    let lines = ''
    for await (const line of store.export()) if (!line.startsWith('{"type":"trailer"')) lines += line
    assert.ok(stdout.startsWith(lines))
  })
})

const currentBinary = new URL('../../bin/holdfast.js', import.meta.url).pathname

async function send(clients: ReturnType<typeof createClients>, key: string, text: string): Promise<void> {
  await clients.chat.sendMessage({ conversationId: 'kept', key, parts: [{ content: { $case: 'text', value: text } }] })
}
