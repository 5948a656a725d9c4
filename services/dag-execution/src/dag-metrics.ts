import type { Metrics } from '@holdfast/server'
import { Counter, Gauge } from 'prom-client'
import { endStates, endsRun, type RunEvent } from './run/events.js'
import type { DagTenants } from './tenants/dag-tenants.js'

export interface DagMetrics {
  /** For `wrote` of an engine. */
  readonly wrote: (events: readonly RunEvent[]) => void
  observe(tenants: DagTenants): void
}

const nodeOutcomes: { readonly [type: string]: string } = {
  'node-completed': 'completed',
  'node-failed': 'failed',
  'node-retrying': 'retried',
  'node-skipped': 'skipped',
  'node-cancelled': 'cancelled',
}

/** What runs of graphs do, in the server's Prometheus metrics: how nodes and runs ended here, and what is open in all processes, counted
 *  whenever Prometheus asks. */
export function dagMetrics(metrics: Metrics): DagMetrics {
  const registers = [metrics.registry]
  const nodes = new Counter({
    name: 'holdfast_dag_nodes_total',
    help: 'Nodes that ended or are tried again in runs of this process, by what became of them; `cached`: taken from an earlier call',
    labelNames: ['outcome'],
    registers,
  })
  const runs = new Counter({
    name: 'holdfast_dag_runs_ended_total',
    help: 'Runs that this process ended, by state',
    labelNames: ['state'],
    registers,
  })
  return {
    wrote(events) {
      for (const event of events) {
        if (endsRun(event)) runs.inc({ state: endStates[event.type] })
        const node = nodeOutcomes[event.type]
        // What a rerun takes over was counted when it was done.
        if (node === undefined || (event.type === 'node-completed' && event.from === 'rerun')) continue
        nodes.inc({ outcome: event.type === 'node-completed' && event.from === 'cache' ? 'cached' : node })
      }
    },
    observe(tenants) {
      metrics.gauge('holdfast_dag_runs_active', 'Runs that this process runs', () => tenants.active)
      const open = new Gauge({
        name: 'holdfast_dag_runs_open',
        help: 'Runs that have not ended, in all processes, of tenants at work here; `queued`: wait for their turn, `waiting`: for a time or a signal',
        labelNames: ['state'],
        registers,
        async collect() {
          this.reset()
          // A database that is away has no numbers, and must not take those of everything else away.
          const counts = await tenants.open().catch(() => ({}))
          for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
        },
      })
      void open
    },
  }
}
