import { gaugeOf, type Interval, type Observed, observed, rateOf, valuesOf } from './changes.js'
import type { Scraped } from './prometheus-text.js'

/** What all processes did in an interval: the one thing that frames show and `--json` prints. Rates are a second. */
export interface TopSample {
  readonly at: string
  readonly seconds: number
  readonly calls: Observed & {
    /** Calls that ended with another status than OK; CANCELLED counts as none, because callers leave streams. */
    readonly errorsPerSecond: number
    readonly inProgress: number
    /** The busiest first. */
    readonly methods: readonly (Observed & { readonly method: string; readonly errorsPerSecond: number })[]
  }
  readonly databases: readonly (Observed & { readonly system: string; readonly errorsPerSecond: number })[]
  /** Of the database's pool; absent: the store is embedded or in memory. */
  readonly connections?: { readonly used: number; readonly limit: number; readonly waiting: number }
  readonly caches: readonly {
    readonly name: string
    readonly readsPerSecond: number
    /** Of all reads, those that the cache answered; absent: nothing was read. */
    readonly hitRatio?: number
    readonly awayPerSecond: number
  }[]
  readonly jobs: {
    readonly running: number
    readonly workers: number
    readonly queued: number
    readonly attempts: Observed
    readonly failedPerSecond: number
  }
  readonly runs: { readonly active: number; readonly queued: number; readonly nodes: Observed }
  readonly replies: { readonly active: number; readonly ended: Observed; readonly firstText: Observed }
  readonly models: readonly (Observed & { readonly name: string; readonly errorsPerSecond: number })[]
  readonly processes: readonly ProcessSample[]
}

export interface ProcessSample {
  readonly address: string
  /** Whether it answered both times; the rest is absent if not. */
  readonly up: boolean
  readonly upSeconds?: number
  readonly residentBytes?: number
  readonly heapUsedBytes?: number
  /** Of one core. */
  readonly cpuShare?: number
  readonly loopLagP99Ms?: number
}

export interface ScrapedProcess {
  readonly address: string
  readonly before: Scraped | undefined
  readonly after: Scraped | undefined
}

const rpc = 'rpc_server_call_duration_seconds'
const database = 'db_client_operation_duration_seconds'
const model = 'gen_ai_client_operation_duration_seconds'
const cache = 'holdfast_cache_requests_total'
const attempts = 'holdfast_job_attempt_duration_seconds'
const firstText = 'holdfast_chat_reply_first_token_seconds'

export function sampleOf(processes: readonly ScrapedProcess[], seconds: number, at: Date): TopSample {
  const answered = processes.flatMap(({ before, after }) => (before && after ? [{ before, after }] : []))
  const interval: Interval = { seconds, processes: answered }
  const methods = valuesOf(interval, `${rpc}_count`, 'rpc_method').map((method) => ({
    method,
    ...observed(interval, rpc, (labels) => labels['rpc_method'] === method),
    errorsPerSecond: callErrors(interval, method),
  }))
  const systems = valuesOf(interval, `${database}_count`, 'db_system_name')
  const limit = gaugeOf(interval, 'db_client_connection_limit')
  return {
    at: at.toISOString(),
    seconds,
    calls: {
      ...observed(interval, rpc),
      errorsPerSecond: callErrors(interval),
      inProgress: gaugeOf(interval, 'rpc_server_calls_in_progress') ?? 0,
      methods: methods.toSorted((a, b) => b.perSecond - a.perSecond || (a.method < b.method ? -1 : 1)),
    },
    databases: systems.map((system) => ({
      system,
      ...observed(interval, database, (labels) => labels['db_system_name'] === system),
      errorsPerSecond: failures(interval, database, 'db_system_name', system),
    })),
    ...(limit === undefined ? {} : { connections: connectionsOf(interval, limit) }),
    caches: valuesOf(interval, cache, 'holdfast_cache_name').map((name) => cacheOf(interval, name)),
    jobs: {
      running: gaugeOf(interval, 'holdfast_jobs_running') ?? 0,
      workers: gaugeOf(interval, 'holdfast_jobs_workers') ?? 0,
      queued: gaugeOf(interval, 'holdfast_jobs_open', { only: isQueued, most: true }) ?? 0,
      attempts: observed(interval, attempts),
      failedPerSecond: rateOf(interval, `${attempts}_count`, (labels) => labels['holdfast_job_state'] === 'failed'),
    },
    runs: {
      active: gaugeOf(interval, 'holdfast_dag_runs_active') ?? 0,
      queued: gaugeOf(interval, 'holdfast_dag_runs_open', { only: isQueued, most: true }) ?? 0,
      nodes: observed(interval, 'holdfast_dag_node_duration_seconds'),
    },
    replies: {
      active: gaugeOf(interval, 'holdfast_chat_replies_active') ?? 0,
      ended: observed(interval, 'holdfast_chat_reply_duration_seconds'),
      firstText: observed(interval, firstText),
    },
    models: valuesOf(interval, `${model}_count`, 'gen_ai_request_model').map((name) => ({
      name,
      ...observed(interval, model, (labels) => labels['gen_ai_request_model'] === name),
      errorsPerSecond: failures(interval, model, 'gen_ai_request_model', name),
    })),
    processes: processes.map(processOf(seconds)),
  }
}

function isQueued({ state }: Readonly<Record<string, string>>): boolean {
  return state === 'queued'
}

function callErrors(interval: Interval, method?: string): number {
  return rateOf(interval, `${rpc}_count`, ({ rpc_method, rpc_response_status_code: status }) => {
    return (method === undefined || rpc_method === method) && status !== 'OK' && status !== 'CANCELLED'
  })
}

function failures(interval: Interval, name: string, label: string, value: string): number {
  return rateOf(interval, `${name}_count`, (labels) => labels[label] === value && labels['error_type'] !== undefined)
}

function connectionsOf(interval: Interval, limit: number): NonNullable<TopSample['connections']> {
  const only = (labels: Readonly<Record<string, string>>): boolean => labels['db_client_connection_state'] === 'used'
  return {
    used: gaugeOf(interval, 'db_client_connection_count', { only }) ?? 0,
    limit,
    waiting: gaugeOf(interval, 'db_client_connection_pending_requests') ?? 0,
  }
}

function cacheOf(interval: Interval, name: string): TopSample['caches'][number] {
  const of = (result?: string): number =>
    rateOf(interval, cache, ({ holdfast_cache_name, holdfast_cache_result }) => {
      return holdfast_cache_name === name && (result === undefined || holdfast_cache_result === result)
    })
  const readsPerSecond = of()
  const ratio = readsPerSecond === 0 ? {} : { hitRatio: of('hit') / readsPerSecond }
  return { name, readsPerSecond, ...ratio, awayPerSecond: of('away') }
}

function processOf(seconds: number): (process: ScrapedProcess) => ProcessSample {
  return ({ address, before, after }) => {
    if (before === undefined || after === undefined) return { address, up: false }
    const interval = { seconds, processes: [{ before, after }] }
    const value = (name: string): number => gaugeOf(interval, name) ?? 0
    return {
      address,
      up: true,
      upSeconds: Math.max(0, Math.round(Date.now() / 1000 - value('process_start_time_seconds'))),
      residentBytes: value('process_resident_memory_bytes'),
      heapUsedBytes: value('nodejs_heap_size_used_bytes'),
      cpuShare: rateOf(interval, 'process_cpu_seconds_total'),
      loopLagP99Ms: value('nodejs_eventloop_lag_p99_seconds') * 1000,
    }
  }
}
