import type { Job, Jobs } from '@holdfast/jobs'
import type { ServiceModel } from '@holdfast/models'
import type { Metrics } from '@holdfast/server'
import { Counter, Gauge } from 'prom-client'

export interface JobMetrics {
  /** For `openJobs({ onEnd })`. */
  readonly onEnd: (job: Job) => void
  /** @param models by the names of their services, which are those of the kinds */
  observe(jobs: Jobs, models: Readonly<Record<string, Pick<ServiceModel, 'name' | 'provider' | 'check'>>>): void
}

/** What the services of media do, in the server's Prometheus metrics: how jobs ended, what models did for them, what waits, and which models are
 *  in memory. What waits and runs is counted over all processes whenever Prometheus asks. */
export function jobMetrics({ registry }: Metrics): JobMetrics {
  const registers = [registry]
  const ended = new Counter({
    name: 'holdfast_jobs_ended_total',
    help: 'Jobs that this process ended, by kind and state',
    labelNames: ['kind', 'state'],
    registers,
  })
  const cached = new Counter({
    name: 'holdfast_jobs_cache_hits_total',
    help: 'Jobs that were answered from what another one made',
    labelNames: ['kind'],
    registers,
  })
  const modelSeconds = new Counter({
    name: 'holdfast_job_model_seconds_total',
    help: 'Time that models worked on jobs of this process, as far as they say',
    labelNames: ['kind', 'model'],
    registers,
  })
  return {
    onEnd({ kind, state, fromCache, model, usage }) {
      ended.inc({ kind, state })
      if (fromCache) cached.inc({ kind })
      else if (usage?.computeMs !== undefined) {
        modelSeconds.inc({ kind, model: model?.name ?? '' }, usage.computeMs / 1_000)
      }
    },
    observe(jobs, models) {
      const open = new Gauge({
        name: 'holdfast_jobs_open',
        help: 'Jobs that wait or run at this moment, in all processes',
        labelNames: ['kind', 'state'],
        registers,
        async collect() {
          this.reset()
          // A database that is away has no numbers, and must not take those of everything else away.
          for (const { kind, queued, running } of await jobs.open().catch(() => [])) {
            this.set({ kind, state: 'queued' }, queued)
            this.set({ kind, state: 'running' }, running)
          }
        },
      })
      const loaded = new Gauge({
        name: 'holdfast_model_loaded',
        help: 'Whether a local model is in memory here',
        labelNames: ['service', 'model'],
        registers,
        async collect() {
          for (const [service, model] of Object.entries(models)) {
            // An endpoint would be called each time.
            if (model.provider !== 'local') continue
            this.set({ service, model: model.name }, (await model.check()).isLoaded === true ? 1 : 0)
          }
        },
      })
      void [open, loaded]
    },
  }
}
