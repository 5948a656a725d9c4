import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import { dag } from '@holdfast/protocol'
import { createLogger, createMetrics, startGrpcServer } from '@holdfast/server'
import { createDagService } from './dag-service.js'
import type { NodeExecutor } from './executors/node-executor.js'

const { ExecutionState, MissedPolicy } = dag

async function startDag(custom: NodeExecutor = async ({ input }) => ({ output: input['input'] ?? null })) {
  const store = await openDocumentStore('memory:')
  const metrics = createMetrics()
  const service = await createDagService({ store, executors: { custom }, metrics })
  const server = await startGrpcServer({
    services: [service.service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    drainMs: 500,
  })
  const clients = createClients({ address: server.address })
  return {
    dag: clients.dag,
    metrics,
    async [Symbol.asyncDispose]() {
      await service.close()
      clients.close()
      await server.stop()
      await store.close()
    },
  }
}

const inner =
  'name: inner\ninputs: { item: {} }\nnodes: [{ id: x, type: custom, with: { service: s, input: "${{ inputs.item }}" } }]\noutputs: { x: "${{ nodes.x.output }}" }\n'
const outer =
  'name: outer\ninputs: { list: { type: array } }\nnodes: [{ id: all, type: for-each, with: { items: "${{ inputs.list }}", graph: inner } }]\noutputs: { all: "${{ nodes.all.x }}" }\n'

describe('the DAG service', () => {
  it('keeps graphs with versions, with those within in the place of their names', async () => {
    await using at = await startDag()
    const problems = await at.dag.validateGraph({ graph: outer })
    assert.match(problems.problems[0]?.message ?? '', /name the graph inner/)
    await at.dag.createGraph({ graph: inner })
    const { graph } = await at.dag.createGraph({ graph: outer })
    assert.deepEqual((await at.dag.validateGraph({ graph: outer })).problems, [])
    const again = await at.dag.createGraph({ graph: outer })
    assert.equal(again.graph?.version, graph?.version)
    await at.dag.createGraph({ graph: inner.replace('${{ inputs.item }}', 'new') })
    assert.equal((await at.dag.getGraph({ name: 'outer' })).graph?.version, graph?.version)
    assert.notEqual((await at.dag.createGraph({ graph: outer })).graph?.version, graph?.version)
    assert.equal(
      (await at.dag.getGraph({ name: 'outer', version: graph?.version ?? '' })).graph?.graphJson,
      graph?.graphJson,
    )
    assert.deepEqual(
      (await at.dag.listGraphs({})).graphs.map(({ name }) => name),
      ['inner', 'outer'],
    )
    await at.dag.deleteGraph({ name: 'inner' })
    await assert.rejects(at.dag.getGraph({ name: 'inner' }), { code: 'NOT_FOUND', reason: 'GRAPH_NOT_FOUND' })
    await assert.rejects(at.dag.createGraph({ graph: 'name: x\nnodes: []' }), (error: HoldfastError) => {
      assert.deepEqual(
        [error.reason, error.fields],
        ['GRAPH_INVALID', [{ field: 'nodes', description: 'must be a list with at least one node' }]],
      )
      return true
    })
  })

  it('refuses graphs that contain each other', async () => {
    await using at = await startDag()
    const graph = (name: string, within: string) =>
      `name: ${name}\nnodes: [{ id: a, type: sub-graph, with: { graph: ${within} } }]\n`
    await at.dag.createGraph({ graph: 'name: one\nnodes: [{ id: a, type: transform, with: { value: 1 } }]' })
    await at.dag.createGraph({ graph: graph('two', 'one') })
    await at.dag.createGraph({ graph: graph('one', 'two') })
    await assert.rejects(at.dag.createGraph({ graph: graph('two', 'two') }), /graphs contain each other: two → two/)
  })

  it('executes a graph, streams what happens behind any cursor, and tells how it stands', async () => {
    await using at = await startDag()
    await at.dag.createGraph({ graph: inner })
    await at.dag.createGraph({ graph: outer })
    const request = {
      graph: { $case: 'name', value: 'outer' },
      inputsJson: '{"list":[1,2]}',
      key: 'k',
      labels: new Map([['who', 'ada']]),
    } as const
    const { execution } = await at.dag.executeGraph(request)
    assert.equal((await at.dag.executeGraph(request)).execution?.id, execution?.id)
    const executionId = execution?.id ?? ''
    const events: dag.StreamExecutionResponse[] = []
    for await (const event of at.dag.streamExecution({ executionId })) events.push(event)
    assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run-started', 'run-completed'])
    const rest: number[] = []
    for await (const { cursor } of at.dag.streamExecution({ executionId, after: events[2]?.cursor ?? 0 }))
      rest.push(cursor)
    assert.deepEqual(
      rest,
      events.slice(3).map(({ cursor }) => cursor),
    )
    let stood = await at.dag.getExecution({ executionId, withNodes: true })
    while (stood.execution?.endTime === undefined) stood = await at.dag.getExecution({ executionId, withNodes: true })
    assert.deepEqual(
      [stood.execution.state, stood.execution.outputsJson, stood.execution.labels.get('who')],
      [ExecutionState.SUCCEEDED, '{"all":[1,2]}', 'ada'],
    )
    assert.deepEqual(
      stood.nodes.map(({ node, state }) => `${node} ${state}`),
      ['all[0] completed', 'all[0]/x completed', 'all[1] completed', 'all[1]/x completed'],
    )
    const list = await at.dag.listExecutions({ state: ExecutionState.SUCCEEDED, graph: 'outer' })
    assert.deepEqual(
      list.executions.map(({ id }) => id),
      [executionId],
    )
    const { execution: retried } = await at.dag.retryFrom({ executionId, node: 'all[1]' })
    assert.equal(retried?.rerunOf, executionId)
    await assert.rejects(at.dag.cancelExecution({ executionId }), { reason: 'RUN_ENDED' })
  })

  it('goes on with the graph that a run started with, when its name has another, and when it has none', async () => {
    await using at = await startDag()
    const graph = (value: string) =>
      `name: g\nnodes: [{ id: ask, type: approval, with: {} }, { id: x, type: transform, needs: [ask], with: { value: ${value} } }]\noutputs: { x: "\${{ nodes.x.value }}" }\n`
    await at.dag.createGraph({ graph: graph('old') })
    const { execution } = await at.dag.executeGraph({ graph: { $case: 'name', value: 'g' } })
    const executionId = execution?.id ?? ''
    await at.dag.createGraph({ graph: graph('new') })
    await at.dag.deleteGraph({ name: 'g' })
    await at.dag.signalExecution({ executionId, name: 'ask' })
    const ending = async (id: string): Promise<string | undefined> => {
      let last: dag.StreamExecutionResponse | undefined
      for await (const event of at.dag.streamExecution({ executionId: id })) last = event
      return last?.eventJson
    }
    assert.match((await ending(executionId)) ?? '', /"x":"old"/)
    const { execution: again } = await at.dag.retryFrom({ executionId, node: 'x' })
    assert.match((await ending(again?.id ?? '')) ?? '', /"x":"old"/)
  })

  it('names fields as the wire does, and what is not there', async () => {
    await using at = await startDag()
    const text = { $case: 'text', value: inner } as const
    await assert.rejects(at.dag.executeGraph({ graph: text, inputsJson: '[]' }), /inputs_json must be a JSON object/)
    await assert.rejects(at.dag.executeGraph({ graph: text }), /inputs.item is missing/)
    await assert.rejects(at.dag.executeGraph({}), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(at.dag.getExecution({ executionId: 'x' }), { code: 'NOT_FOUND', reason: 'RUN_NOT_FOUND' })
  })

  it('pauses, resumes, signals and cancels', async () => {
    await using at = await startDag()
    const value =
      'name: g\nnodes: [{ id: ask, type: approval, with: {} }, { id: w, type: wait, with: { ms: 100000 }, needs: [ask] }]\n'
    const { execution } = await at.dag.executeGraph({ graph: { $case: 'text', value } })
    const executionId = execution?.id ?? ''
    await at.dag.pauseExecution({ executionId })
    await at.dag.resumeExecution({ executionId })
    await at.dag.signalExecution({ executionId, name: 'ask', payloadJson: '{"by":"ada"}' })
    for await (const { type, node } of at.dag.streamExecution({ executionId }))
      if (type === 'node-started' && node === 'w') break
    await at.dag.cancelExecution({ executionId })
    const types: string[] = []
    for await (const { type } of at.dag.streamExecution({ executionId })) types.push(type)
    assert.deepEqual(types.slice(-3), ['run-stopping', 'node-cancelled', 'run-cancelled'])
  })

  it('counts what nodes and runs come to, and what is open', async () => {
    await using at = await startDag()
    const value = `name: g
nodes:
  - { id: a, type: custom, with: { service: s, input: 1 }, cache: true }
  - { id: b, type: custom, with: { service: s, input: 1 }, cache: true, needs: [a] }
  - { id: c, type: transform, with: { value: 1 }, when: 'nodes.b.output == 2' }
`
    const { execution } = await at.dag.executeGraph({ graph: { $case: 'text', value } })
    for await (const _ of at.dag.streamExecution({ executionId: execution?.id ?? '' })) {
      // Until its end.
    }
    await at.dag.executeGraph({ graph: { $case: 'text', value: 'name: w\nnodes: [{ id: ask, type: approval }]\n' } })
    const text = await at.metrics.text()
    for (const line of [
      'holdfast_dag_nodes_total{outcome="completed"} 1',
      'holdfast_dag_nodes_total{outcome="cached"} 1',
      'holdfast_dag_nodes_total{outcome="skipped"} 1',
      'holdfast_dag_runs_ended_total{state="succeeded"} 1',
      'holdfast_dag_runs_open{state="running"} 1',
      'holdfast_dag_runs_active 1',
    ])
      assert.ok(text.includes(line), line)
  })

  it('keeps schedules', async () => {
    await using at = await startDag()
    await at.dag.createGraph({ graph: inner })
    const schedule = {
      id: 's',
      graph: 'inner',
      cron: '0 3 * * *',
      timeZone: 'Europe/Berlin',
      inputsJson: '{"item":1}',
      missed: MissedPolicy.SKIP,
    }
    const { schedule: stored } = await at.dag.putSchedule({ schedule })
    assert.ok(stored?.nextTime !== undefined && stored.nextTime > new Date())
    const { schedules } = await at.dag.listSchedules({})
    assert.deepEqual(
      schedules.map(({ id, missed, inputsJson }) => [id, missed, inputsJson]),
      [['s', MissedPolicy.SKIP, '{"item":1}']],
    )
    await at.dag.deleteSchedule({ id: 's' })
    assert.deepEqual((await at.dag.listSchedules({})).schedules, [])
  })
})
