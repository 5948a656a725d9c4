import { invalidField } from '@holdfast/errors'
import { dag } from '@holdfast/protocol'
import {
  type GrpcService,
  type Implementation,
  defineService,
  linkedSignal,
  parseJsonObject,
  parseJsonText,
} from '@holdfast/server'
import type { ExecutionEngine, NodeState, Run, RunState } from './engine/execution-engine.js'
import type { Json, JsonObject } from './graph/graph.js'
import type { Graphs, StoredGraph } from './graphs.js'
import type { NodeError } from './run/events.js'
import type { MissedPolicy, Schedule, Schedules } from './schedules/schedules.js'

const { ExecutionState, MissedPolicy: Missed } = dag

export interface DagParts {
  readonly graphs: Graphs
  readonly engine: ExecutionEngine
  readonly schedules: Schedules
}

/** holdfast.dag.v1.DagService: requests to graphs, engine and schedules of the caller's tenant, what they answer to responses, and nothing else. */
export function dagGrpcService(of: (tenant: string) => DagParts): GrpcService {
  return defineService(dag.DagServiceService, dagHandlers(of))
}

function dagHandlers(of: (tenant: string) => DagParts): Implementation<typeof dag.DagServiceService> {
  return {
    validateGraph: async ({ graph }, { caller }) => ({
      problems: [...(await of(caller.tenant).graphs.problems(graph))],
    }),

    createGraph: async ({ graph }, { caller }) => ({
      graph: graphOnWire(await of(caller.tenant).graphs.create(graph)),
    }),

    getGraph: async ({ name, version }, { caller }) => ({
      graph: graphOnWire(await of(caller.tenant).graphs.get(name, version === '' ? undefined : version)),
    }),

    async listGraphs({ pageSize, pageToken }, { caller }) {
      const { graphs: found, next = '' } = await of(caller.tenant).graphs.list(page(pageSize, pageToken))
      return { graphs: found.map((one) => graphOnWire(one)), nextPageToken: next }
    },

    async deleteGraph({ name }, { caller }) {
      await of(caller.tenant).graphs.delete(name)
      return {}
    },

    async executeGraph({ graph, inputsJson, key, priority, labels, version }, { caller }) {
      const run = await of(caller.tenant).engine.start({
        graph: await chosenGraph(of(caller.tenant).graphs, graph, version),
        inputs: inputsJson === '' ? {} : (parseJsonObject(inputsJson, 'inputs_json') as JsonObject),
        ...(key === '' ? {} : { key }),
        priority,
        labels: Object.fromEntries(labels),
      })
      return { execution: executionOnWire(run) }
    },

    async getExecution({ executionId, withNodes }, { caller }) {
      const run = await of(caller.tenant).engine.get(executionId)
      const nodes = withNodes ? await of(caller.tenant).engine.nodes(executionId) : []
      return { execution: executionOnWire(run), nodes: nodes.map(nodeOnWire) }
    },

    async listExecutions({ graph, state, pageSize, pageToken }, { caller }) {
      const wanted = states.find(([, onWire]) => onWire === state)?.[0]
      const { runs, next = '' } = await of(caller.tenant).engine.list({
        ...page(pageSize, pageToken),
        ...(graph === '' ? {} : { graph }),
        ...(wanted === undefined ? {} : { state: wanted }),
      })
      return { executions: runs.map(executionOnWire), nextPageToken: next }
    },

    async *streamExecution({ executionId, after }, context) {
      const { engine } = of(context.caller.tenant)
      context.annotate({ executionId })
      using link = linkedSignal([context.signal, context.stopping])
      const { signal } = link
      for await (const { cursor, event } of engine.subscribe(executionId, { after, signal })) {
        const { at, type } = event
        yield {
          cursor,
          time: new Date(at),
          type,
          node: 'node' in event ? (event.node ?? '') : '',
          attempt: 'attempt' in event ? event.attempt : 0,
          eventJson: JSON.stringify(event),
        }
      }
      signal.throwIfAborted()
    },

    async cancelExecution({ executionId }, { caller }) {
      await of(caller.tenant).engine.cancel(executionId)
      return {}
    },

    async pauseExecution({ executionId }, { caller }) {
      await of(caller.tenant).engine.pause(executionId)
      return {}
    },

    async resumeExecution({ executionId }, { caller }) {
      await of(caller.tenant).engine.resume(executionId)
      return {}
    },

    async signalExecution({ executionId, name, payloadJson, key }, { caller }) {
      const payload = payloadJson === '' ? null : (parseJsonText(payloadJson, 'payload_json') as Json)
      await of(caller.tenant).engine.signal(executionId, { name, payload, ...(key === '' ? {} : { key }) })
      return {}
    },

    async retryFrom({ executionId, node, key }, { caller }) {
      const run = await of(caller.tenant).engine.rerun(executionId, {
        ...(node === '' ? {} : { from: node }),
        ...(key === '' ? {} : { key }),
      })
      return { execution: executionOnWire(run) }
    },

    async putSchedule({ schedule }, { caller }) {
      if (schedule === undefined) throw invalidField('schedule', 'must be there')
      const { id, graph, cron, timeZone, inputsJson, missed, paused } = schedule
      const stored = await of(caller.tenant).schedules.put({
        id,
        graph,
        cron,
        ...(timeZone === '' ? {} : { timeZone }),
        ...(inputsJson === '' ? {} : { inputs: parseJsonObject(inputsJson, 'schedule.inputs_json') as JsonObject }),
        missed: policies.find(([, onWire]) => onWire === missed)?.[0] ?? 'once',
        paused,
      })
      return { schedule: scheduleOnWire(stored) }
    },

    async listSchedules({ pageSize, pageToken }, { caller }) {
      const { schedules: found, next = '' } = await of(caller.tenant).schedules.list(page(pageSize, pageToken))
      return { schedules: found.map(scheduleOnWire), nextPageToken: next }
    },

    async deleteSchedule({ id }, { caller }) {
      await of(caller.tenant).schedules.delete(id)
      return {}
    },
  }
}

async function chosenGraph(graphs: Graphs, graph: dag.ExecuteGraphRequest['graph'], version: string): Promise<Json> {
  if (graph === undefined) throw invalidField('name', 'or text must be there')
  if (graph.$case === 'text') return graphs.read(graph.value)
  return (await graphs.get(graph.value, version === '' ? undefined : version)).graph
}

function page(pageSize: number, pageToken: string): { readonly limit?: number; readonly cursor?: string } {
  return { ...(pageSize === 0 ? {} : { limit: pageSize }), ...(pageToken === '' ? {} : { cursor: pageToken }) }
}

const states: readonly (readonly [RunState, dag.ExecutionState])[] = [
  ['queued', ExecutionState.QUEUED],
  ['running', ExecutionState.RUNNING],
  ['paused', ExecutionState.PAUSED],
  ['succeeded', ExecutionState.SUCCEEDED],
  ['failed', ExecutionState.FAILED],
  ['cancelled', ExecutionState.CANCELLED],
]

const policies: readonly (readonly [MissedPolicy, dag.MissedPolicy])[] = [
  ['skip', Missed.SKIP],
  ['once', Missed.ONCE],
  ['all', Missed.ALL],
]

function graphOnWire({
  name,
  version,
  description,
  createdAt,
  graph,
}: Omit<StoredGraph, 'graph'> & { readonly graph?: Json }): dag.Graph {
  return {
    name,
    version,
    description,
    createTime: createdAt,
    graphJson: graph === undefined ? '' : JSON.stringify(graph),
  }
}

function executionOnWire(run: Run): dag.Execution {
  const {
    id,
    graph,
    version,
    state,
    priority,
    labels,
    createdAt,
    endedAt,
    error,
    failedNode = '',
    outputs,
    rerunOf = '',
  } = run
  return {
    id,
    graph,
    version,
    state: states.find(([name]) => name === state)?.[1] ?? ExecutionState.UNSPECIFIED,
    priority,
    labels: new Map(Object.entries(labels)),
    createTime: createdAt,
    endTime: endedAt,
    error: error === undefined ? undefined : errorOnWire(error),
    failedNode,
    outputsJson: outputs === undefined ? '' : JSON.stringify(outputs),
    rerunOf,
  }
}

function errorOnWire({ code, message, reason = code }: NodeError): dag.ExecutionError {
  return { code, message, reason }
}

function nodeOnWire({ node, type, state, attempt, outputs, error }: NodeState): dag.NodeState {
  return {
    node,
    type,
    state,
    attempt,
    outputsJson: outputs === undefined ? '' : JSON.stringify(outputs),
    error: error === undefined ? undefined : errorOnWire(error),
  }
}

function scheduleOnWire({ id, graph, cron, timeZone, inputs, missed, paused, nextAt }: Schedule): dag.Schedule {
  return {
    id,
    graph,
    cron,
    timeZone,
    inputsJson: JSON.stringify(inputs),
    missed: policies.find(([name]) => name === missed)?.[1] ?? Missed.ONCE,
    paused,
    nextTime: nextAt,
  }
}
