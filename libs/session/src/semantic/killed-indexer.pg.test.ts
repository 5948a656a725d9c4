import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { ConceptEmbedder } from '../conformance/concept-embedder.js'
import { until, upTo, user } from '../conformance/stage.js'
import { openConversationStore } from '../open-conversation-store.js'
import { shapesOf } from '../shapes.js'

const rounds = 5
const program = join(import.meta.dirname, 'killed-indexer.test.child.js')

it('loses nothing and indexes nothing twice while its processes are killed and messages change', async (t) => {
  await using database = await postgresForTests()
  await using documents = await openDocumentStore(database.url)
  await using store = await openConversationStore(documents)
  const ids = await Promise.all(upTo(8).map(async () => (await store.create({ userId: 'ada' })).id))
  const children = new Set<ChildProcess>()
  const start = (): ChildProcess => {
    const child = spawn(process.execPath, [program, database.url], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(child)
    child.on('exit', () => children.delete(child))
    return child
  }
  const redacted = new Set<string>()
  let kills = 0
  try {
    start()
    for (const round of upTo(rounds)) {
      await Promise.all(
        ids.map((id) =>
          store.append(
            id,
            upTo(40).map((n) => user(`train ${round} ${n} dog`)),
          ),
        ),
      )
      for (const id of ids.slice(0, 3)) {
        const seq = round * 40 + 1
        await store.redact(id, seq)
        redacted.add(`${id}/${seq}`)
        await store.edit(id, seq + 1, [{ type: 'text', text: 'the ocean' }])
      }
      const victim = [...children][0] ?? start()
      start()
      // In the middle of its work, as far as it has any.
      if (victim.stdout !== null)
        await Promise.race([once(victim.stdout, 'data'), new Promise((r) => setTimeout(r, 500))])
      const ended = once(victim, 'exit')
      victim.kill('SIGKILL')
      kills += 1
      await ended
    }
    await using reader = await openConversationStore(documents, {
      search: { embedder: new ConceptEmbedder(), indexing: false },
    })
    await until(async () => (await reader.searchReport('ada', 'train')).unindexed === 0, 90_000)
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
  const { vectors } = shapesOf(documents)
  const found = (await vectors.find({}).toArray()).map(({ data }) => `${data.conversationId}/${data.seq}`)
  const expected = ids
    .flatMap((id) => upTo(rounds * 40).map((n) => `${id}/${n + 1}`))
    .filter((one) => !redacted.has(one))
  assert.deepEqual(found.sort(), expected.sort())
  t.diagnostic(`${kills} kills, ${found.length} vectors`)
})
