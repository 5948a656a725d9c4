import assert from 'node:assert/strict'
import { it } from 'node:test'
import { jobKind, openJobs } from '@holdfast/jobs'
import { openDocumentStore } from '@holdfast/persistence'
import { createMetrics } from '@holdfast/server'
import { jobMetrics } from './job-metrics.js'

it('counts how jobs ended, what models did for them, what waits, and which models are loaded', async () => {
  const kind = jobKind({
    name: 'counted',
    model: () => ({ name: 'abacus', version: '1', provider: 'local' }),
    cache: (n: number) => n,
    run: (n: number, { usage }) => {
      if (n < 0) throw new Error('no')
      usage({ computeMs: 1_500 })
      return n
    },
  })
  const metrics = createMetrics()
  const measured = jobMetrics(metrics)
  const store = await openDocumentStore('memory:')
  const jobs = await openJobs(store, { kinds: [kind], onEnd: measured.onEnd })
  const front = await openJobs(store, { kinds: [kind], workers: 0, onEnd: measured.onEnd })
  try {
    const model = {
      name: 'abacus',
      provider: 'local',
      check: async () => ({ ok: true, detail: '', latencyMs: 0, isLoaded: true }),
    } as const
    measured.observe(jobs, { counted: model })
    await jobs.run(kind, 1)
    await jobs.run(kind, 1)
    await jobs.run(kind, 2)
    await jobs.run(kind, -1)
    await jobs.close()
    const waiting = await front.submit(kind, 3)
    const counts = async () =>
      (await metrics.text()).split('\n').filter((line) => /^holdfast_(jobs?_|model_)/.test(line))
    assert.deepEqual((await counts()).toSorted(), [
      'holdfast_job_model_seconds_total{kind="counted",model="abacus"} 3',
      'holdfast_jobs_cache_hits_total{kind="counted"} 1',
      'holdfast_jobs_ended_total{kind="counted",state="failed"} 1',
      'holdfast_jobs_ended_total{kind="counted",state="succeeded"} 3',
      'holdfast_jobs_open{kind="counted",state="queued"} 1',
      'holdfast_jobs_open{kind="counted",state="running"} 0',
      'holdfast_model_loaded{service="counted",model="abacus"} 1',
    ])
    await front.cancel(waiting.id)
    assert.ok((await counts()).includes('holdfast_jobs_ended_total{kind="counted",state="cancelled"} 1'))
  } finally {
    await jobs.close()
    await front.close()
    await store.close()
  }
})
