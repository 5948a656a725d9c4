// DBOS in the form that is right after a crash whatever the order of completions: each chain a workflow of its own with an id of its own, started and awaited in a fixed
// order, its nodes steps one after the other. Steps that run beside each other in one workflow are known by the order of their starts, which differs after a crash.
import { DBOS } from '@dbos-inc/dbos-sdk'
import { serve } from './serve.mjs'

await serve(async ({ url, connections, chains, length }) => {
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: url,
    systemDatabasePoolSize: connections,
    logLevel: 'error',
    runAdminServer: false,
  })
  const chain = DBOS.registerWorkflow(
    async () => {
      let value = 0
      for (let place = 0; place < length; place += 1) value = await DBOS.runStep(async () => 1, { name: `n${place}` })
      return value
    },
    { name: 'chain' },
  )
  const graph = DBOS.registerWorkflow(
    async () => {
      const handles = []
      for (let place = 0; place < chains; place += 1) {
        handles.push(await DBOS.startWorkflow(chain, { workflowID: `${DBOS.workflowID}-${place}` })())
      }
      let sum = 0
      for (const handle of handles) sum += await handle.getResult()
      return sum
    },
    { name: 'graph' },
  )
  await DBOS.launch()
  return {
    operations: {
      graph: async () => {
        const handle = await DBOS.startWorkflow(graph)()
        if ((await handle.getResult()) !== chains) throw new Error('DBOS computed something else')
      },
    },
    close: () => DBOS.shutdown(),
  }
})
