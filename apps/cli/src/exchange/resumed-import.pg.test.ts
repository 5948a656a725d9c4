import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createClients } from '@holdfast/grpc-clients'
import { openDocumentStore } from '@holdfast/persistence'
import { openConversationStore } from '@holdfast/session'
import { HoldfastProcess, postgresForTests } from '@holdfast/test-servers'
import type { ConversationAccess } from '../access/conversation-access.js'
import { conversationsOverGrpc } from '../access/over-grpc.js'
import { CliProcess, outputOf } from '../cli-process.js'

const dialogueCount = 48

let folder: string
let importing: readonly string[]
let expected: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-resumed-'))
  const file = join(folder, 'dialogues.json')
  await writeFile(file, JSON.stringify(Array.from({ length: dialogueCount }, (_, index) => dialogueOf(index))))
  importing = ['conversations', 'import', '--format', 'sgd', file]
  const data = join(folder, 'uninterrupted')
  await outputOf([...importing, '--data', data])
  expected = await exportOf(['--data', data])
})

after(() => rm(folder, { recursive: true, force: true }))

test('an import into a database that was stopped and killed goes on, and ends as one that was not', async () => {
  await using database = await postgresForTests()
  await using store = await openDocumentStore(database.url)
  await using conversations = await openConversationStore(store, { maintenanceIntervalMs: 0 })
  const to = ['--database', database.url]
  await endWhen(conversations, 10, 'SIGINT', [...importing, ...to])
  await endWhen(conversations, 24, 'SIGKILL', [...importing, ...to])
  await outputOf([...importing, ...to])
  assert.equal(await exportOf(to), expected)
})

test('an import through a server goes on after both were killed, and ends as one that was not', async () => {
  await using server = await HoldfastProcess.start(['--data', join(folder, 'served')])
  const to = ['--server', server.address]
  {
    await using clients = createClients({ address: server.address })
    await endWhen(conversationsOverGrpc(clients.chat), 16, 'SIGKILL', [...importing, ...to])
  }
  await server.kill()
  await server.start()
  await outputOf([...importing, ...to])
  assert.equal(await exportOf(to), expected)
})

/** Ends the import as soon as so many conversations are there, which is amid its work: it has no moment of its own. */
async function endWhen(
  access: Pick<ConversationAccess, 'list'>,
  count: number,
  signal: 'SIGINT' | 'SIGKILL',
  args: readonly string[],
): Promise<void> {
  await using command = new CliProcess(args)
  for (;;) {
    const { items } = await access.list({ limit: 1000 })
    if (items.length >= count) break
    assert.equal(command.child.exitCode, null, 'the import ended before it could be stopped')
    await delay(5)
  }
  assert.equal(await command.end(signal), signal === 'SIGINT' ? 130 : signal)
}

function exportOf(from: readonly string[]): Promise<string> {
  return outputOf(['conversations', 'export', ...from])
}

function dialogueOf(index: number): object {
  const turns = Array.from({ length: 12 }, (_, turn) => {
    const speaker = turn % 2 === 0 ? 'USER' : 'SYSTEM'
    const state = { active_intent: 'Find', requested_slots: [], slot_values: { city: [`${turn}`] } }
    const frames = [{ service: `Service_${turn % 3}`, ...(speaker === 'USER' ? { state } : {}) }]
    return { speaker, utterance: `Turn ${turn} of dialogue ${index}`, frames }
  })
  return { dialogue_id: `9_${String(index).padStart(5, '0')}`, services: ['Service_0'], turns }
}
