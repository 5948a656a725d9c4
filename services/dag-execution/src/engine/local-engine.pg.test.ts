import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type TestDatabase, postgresForTests } from '@holdfast/test-servers'
import { executionEngineConformance } from '../conformance/index.js'
import { Puppet, custom } from '../conformance/stage.js'
import { openLocalEngine } from './local-engine.js'
import { stagesOfTenants } from './local-stage.test.support.js'

let database: Promise<TestDatabase> | undefined

async function open(): Promise<DocumentStore> {
  return openDocumentStore((await (database ??= postgresForTests())).url)
}

executionEngineConformance('local, on PostgreSQL', stagesOfTenants(open, { processes: 2 }))

it('is woken by what other processes ask, and looks at intervals only where nobody wakes it', async () => {
  const puppet = new Puppet()
  await using here = await open()
  await using elsewhere = await open()
  const rarely = { pollMs: 3_600_000, leaseMs: 3_600_000, executors: { custom: puppet.execute } }
  await using _engine = await openLocalEngine(here.tenant('woken'), rarely)
  await using asking = await openLocalEngine(elsewhere.tenant('woken'), { ...rarely, maxActive: 0 })
  const chain = Array.from({ length: 5 }, (_, place) =>
    custom(`n${place}`, place, place === 0 ? {} : { needs: [`n${place - 1}`] }),
  )
  const graph = {
    name: 'g',
    nodes: [...chain, { id: 'ask', type: 'approval', needs: ['n4'] }, custom('last', 1, { needs: ['ask'] })],
  }
  // It hears of nothing that was asked before it listened.
  const early = { name: 'early', nodes: [{ id: 'a', type: 'transform', with: { value: 1 } }] }
  let isListening = false
  while (!isListening) {
    const { id } = await asking.start({ graph: early })
    await pause(50)
    isListening = (await asking.get(id)).state === 'succeeded'
  }
  const { id } = await asking.start({ graph })
  for (let place = 0; place < 5; place += 1) await puppet.answer(`n${place}`, place)
  await asking.signal(id, { name: 'ask' })
  await puppet.asked('last')
  await asking.cancel(id)
  assert.equal((await asking.wait(id)).state, 'cancelled')
})

after(async () => (await database)?.[Symbol.asyncDispose]())
