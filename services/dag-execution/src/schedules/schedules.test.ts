import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { openLocalEngine } from '../engine/local-engine.js'
import { Graphs } from '../graphs.js'
import { type MissedPolicy, Schedules } from './schedules.js'

const graph =
  'name: nightly\ninputs: { n: { default: 1 } }\nnodes: [{ id: a, type: transform, with: { value: "${{ inputs.n }}" } }]\n'

async function stage(start: string) {
  let now = Date.parse(start)
  const store = await openDocumentStore('memory:')
  const engine = await openLocalEngine(store, { executors: {} })
  const graphs = new Graphs(store)
  await graphs.create(graph)
  const open = () => new Schedules({ store, graphs, engine, now: () => now })
  return {
    engine,
    graphs,
    open,
    schedules: open(),
    set(time: string) {
      now = Date.parse(time)
    },
    /** The times for which runs were started, in order. */
    async times() {
      const { runs } = await engine.list({ limit: 500 })
      return runs.map(({ labels }) => labels['scheduledFor'] ?? '').toSorted((a, b) => (a < b ? -1 : 1))
    },
    async [Symbol.asyncDispose]() {
      await engine.close()
      await store.close()
    },
  }
}

describe('a schedule', () => {
  it('starts its graph at its times in its time zone, once, however many look', async () => {
    await using at = await stage('2026-03-01T00:00:00Z')
    const { nextAt } = await at.schedules.put({
      id: 's',
      graph: 'nightly',
      cron: '0 3 * * *',
      timeZone: 'Europe/Berlin',
    })
    assert.equal(nextAt?.toISOString(), '2026-03-01T02:00:00.000Z')
    assert.equal(await at.schedules.startDue(), 0)
    at.set('2026-03-01T02:00:01Z')
    const started = await Promise.all([at.schedules, at.open(), at.open()].map((one) => one.startDue()))
    assert.equal(
      started.reduce((sum, one) => sum + one, 0),
      1,
    )
    assert.deepEqual(await at.times(), ['2026-03-01T02:00:00.000Z'])
  })

  it('keeps its hour when the clocks change, and runs once what a change leaves out or repeats', async () => {
    await using at = await stage('2026-03-28T12:00:00Z')
    const spring = await at.schedules.put({
      id: 'spring',
      graph: 'nightly',
      cron: '0 3 * * *',
      timeZone: 'Europe/Berlin',
    })
    assert.equal(spring.nextAt?.toISOString(), '2026-03-29T01:00:00.000Z')
    at.set('2026-10-24T12:00:00Z')
    const autumn = await at.schedules.put({
      id: 'autumn',
      graph: 'nightly',
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
    })
    at.set('2026-10-25T12:00:00Z')
    await at.schedules.startDue()
    const { runs } = await at.engine.list()
    assert.equal(runs.filter(({ labels }) => labels['schedule'] === 'autumn').length, 1)
    assert.ok(autumn.nextAt !== undefined)
  })

  for (const [missed, expected] of [
    ['skip', []],
    ['once', ['2026-01-03T00:00:00.000Z']],
    ['all', ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', '2026-01-03T00:00:00.000Z']],
  ] as readonly [MissedPolicy, string[]][]) {
    it(`whose times were missed does what its policy says: ${missed}`, async () => {
      await using at = await stage('2025-12-31T12:00:00Z')
      await at.schedules.put({ id: 's', graph: 'nightly', cron: '0 0 * * *', missed })
      at.set('2026-01-03T10:00:00Z')
      await at.schedules.startDue()
      assert.deepEqual(await at.times(), expected)
      assert.equal((await at.schedules.list()).schedules[0]?.nextAt?.toISOString(), '2026-01-04T00:00:00.000Z')
    })
  }

  it('that cannot be is refused, naming the field; one whose graph is gone goes on', async () => {
    await using at = await stage('2026-01-01T00:00:00Z')
    const bad = (more: object) => at.schedules.put({ id: 's', graph: 'nightly', cron: '* * * * *', ...more })
    await assert.rejects(bad({ cron: 'often' }), /cron must be a cron expression/)
    await assert.rejects(bad({ timeZone: 'Mars/Base' }), /timeZone must be a time zone/)
    await assert.rejects(bad({ graph: 'none' }), { code: 'NOT_FOUND' })
    await bad({})
    await at.graphs.delete('nightly')
    at.set('2026-01-01T00:05:00Z')
    await at.schedules.startDue()
    assert.deepEqual(await at.times(), [])
    assert.equal((await at.schedules.list()).schedules[0]?.nextAt?.toISOString(), '2026-01-01T00:06:00.000Z')
    await at.schedules.delete('s')
    assert.deepEqual((await at.schedules.list()).schedules, [])
  })
})
