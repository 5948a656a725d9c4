import { randomUUID } from 'node:crypto'
import { dag } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { encode, type Partially } from './method.js'
import type { CallOptions } from './options.js'
import { type ResumingStream, resuming } from './resuming.js'
import { readStream } from './server-stream.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = dag.DagServiceService
type Service = typeof dag.DagServiceService

/** holdfast.dag.v1.DagService, method for method. Executions, signals and retries are given a key if they have none, so that every call is repeated
 *  when the connection is lost. */
export interface DagClient extends UnaryCalls<Service> {
  /** What has happened since `after`, then what happens, each event once, across lost connections, until the execution has ended. No deadline
   *  unless one is given. */
  streamExecution(
    request: Partially<dag.StreamExecutionRequest>,
    options?: CallOptions,
  ): AsyncIterable<dag.StreamExecutionResponse>
}

const rules: UnaryRules<Service> = {
  validateGraph: { request: dag.ValidateGraphRequest, repeatable: true },
  createGraph: { request: dag.CreateGraphRequest, repeatable: true },
  getGraph: { request: dag.GetGraphRequest, repeatable: true },
  listGraphs: { request: dag.ListGraphsRequest, repeatable: true },
  deleteGraph: { request: dag.DeleteGraphRequest, repeatable: true },
  executeGraph: { request: dag.ExecuteGraphRequest, repeatable: true, withKey: keyed },
  getExecution: { request: dag.GetExecutionRequest, repeatable: true },
  listExecutions: { request: dag.ListExecutionsRequest, repeatable: true },
  cancelExecution: { request: dag.CancelExecutionRequest, repeatable: true },
  pauseExecution: { request: dag.PauseExecutionRequest, repeatable: true },
  resumeExecution: { request: dag.ResumeExecutionRequest, repeatable: true },
  signalExecution: { request: dag.SignalExecutionRequest, repeatable: true, withKey: keyed },
  retryFrom: { request: dag.RetryFromRequest, repeatable: true, withKey: keyed },
  putSchedule: { request: dag.PutScheduleRequest, repeatable: true },
  listSchedules: { request: dag.ListSchedulesRequest, repeatable: true },
  deleteSchedule: { request: dag.DeleteScheduleRequest, repeatable: true },
}

export function createDagClient(connection: Connection): DagClient {
  return {
    ...unaryCalls(connection, service, rules),
    streamExecution(partial, options = {}) {
      const from = dag.StreamExecutionRequest.fromPartial(partial)
      let { after } = from
      const stream: ResumingStream<dag.StreamExecutionResponse> = {
        name: 'StreamExecution',
        isLast: ({ type }) => endings.has(type),
        async *open(link, attempt) {
          const request = encode(service.streamExecution, { ...from, after })
          for await (const response of readStream(connection, link, request, attempt)) {
            after = response.cursor
            yield response
          }
        },
      }
      return resuming(connection, stream, Number.POSITIVE_INFINITY, options)
    },
  }
}

const endings: ReadonlySet<string> = new Set(['run-completed', 'run-failed', 'run-cancelled'])

function keyed<Request extends { readonly key: string }>(request: Request): Request {
  return request.key === '' ? { ...request, key: randomUUID() } : request
}
