import assert from 'node:assert/strict'
import { it } from 'node:test'
import { jobKind } from '../job-kind.js'
import { gate, type Stage, unique, until, untilAborted } from './stage.js'

export function limitTests(stage: Stage): void {
  it('keeps to the limit of a model over all processes', async () => {
    const running = new Map<string, number>()
    let most = 0
    const kind = jobKind({
      name: unique(),
      model: (input: { model: string }) => ({ name: input.model, version: '1', provider: 'local' }),
      concurrency: { perModel: 2 },
      run: async ({ model }: { model: string }) => {
        running.set(model, (running.get(model) ?? 0) + 1)
        most = Math.max(most, running.get(model) ?? 0)
        await new Promise((resolve) => setTimeout(resolve, 10))
        running.set(model, (running.get(model) ?? 0) - 1)
      },
    })
    const one = await stage.open([kind], { workers: 8 })
    const two = await stage.open([kind], { workers: 8 })
    const done = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        (n % 2 === 0 ? one : two).run(kind, { model: n % 4 === 3 ? 'small' : 'large' }),
      ),
    )
    assert(done.every(({ state }) => state === 'succeeded'))
    assert.equal(most, 2)
  })

  it('does not let one tenant take what another waits for', async () => {
    const go = gate()
    const kind = jobKind({
      name: unique(),
      concurrency: { perTenant: 1 },
      run: async (n: number) => {
        if (n < 2) await go.opened
        return n
      },
    })
    const jobs = await stage.open([kind], { workers: 4 })
    const [busy, other] = [unique('tenant'), unique('tenant')]
    const waiting = [await jobs.submit(kind, 0, { tenant: busy }), await jobs.submit(kind, 1, { tenant: busy })]
    assert.equal((await jobs.run(kind, 2, { tenant: other })).output, 2)
    assert.equal((await jobs.get(waiting[1]?.id ?? '', { tenant: busy })).state, 'queued')
    go.open()
    for (const { id } of waiting) assert.equal((await jobs.wait(id, { tenant: busy })).state, 'succeeded')
    await assert.rejects(jobs.get(waiting[0]?.id ?? '', { tenant: other }), { code: 'NOT_FOUND' })
  })

  it('bounds the queue of a tenant', async () => {
    const kind = jobKind({ name: unique(), run: () => null })
    const jobs = await stage.open([kind], { workers: 0, maxQueued: 3 })
    const tenant = unique('tenant')
    const ids: string[] = []
    for (let n = 0; n < 3; n += 1) ids.push((await jobs.submit(kind, null, { tenant })).id)
    await assert.rejects(jobs.submit(kind, null, { tenant }), { code: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL' })
    await jobs.cancel(ids[0] ?? '', { tenant })
    await until(async () => {
      try {
        await jobs.submit(kind, null, { tenant })
        return true
      } catch {
        return false
      }
    })
  })

  it('finds the jobs of tenants that it has never heard of', async () => {
    const kind = jobKind({ name: unique(), run: (_: null, { tenant }) => tenant })
    const front = await stage.open([kind], { workers: 0 })
    const tenants = [unique('tenant'), unique('tenant')]
    const submitted = await Promise.all(tenants.map((tenant) => front.submit(kind, null, { tenant })))
    await stage.open([kind])
    for (const { id, tenant } of submitted) assert.equal((await front.wait(id, { tenant })).output, tenant)
  })

  it('erases a tenant with its jobs, events, artifacts and blobs', async () => {
    const kind = jobKind({
      name: unique(),
      run: async (_: null, { addOutput, report, signal }) => {
        report({ fraction: 0.5 })
        await addOutput(Buffer.from(unique()), { role: 'audio', contentType: 'audio/wav' })
        if (signal.aborted) throw signal.reason
        return 'x'.repeat(100_000)
      },
    })
    const endless = jobKind({ name: unique(), run: (_: null, { signal }) => untilAborted(signal) })
    const jobs = await stage.open([kind, endless])
    const tenant = unique('tenant')
    const { id } = await jobs.run(kind, null, { tenant })
    await jobs.submit(endless, null, { tenant })
    const report = await jobs.eraseTenant(tenant)
    assert.equal(report.remaining, 0)
    await assert.rejects(jobs.get(id, { tenant }), { code: 'NOT_FOUND' })
    assert.equal(jobs.health().running, 0)
  })
}
