import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { AttemptEvents } from './attempt-events.js'
import type { EventRecord, JobRecord } from './record.js'
import { Tables, type TenantTables } from './tables.js'

function record(attempt: number): JobRecord {
  const now = Date.now()
  const common = { kind: 'work', state: 'running', maxAttempts: 5, input: { json: null } } as const
  const nothing = { inputs: [], outputs: [], labels: [] }
  return { ...common, ...nothing, attempt, tries: attempt, createdAt: now, firstStartedAt: now }
}

async function withTables(
  work: (tables: TenantTables, types: () => Promise<unknown[]>) => Promise<void>,
): Promise<void> {
  const store: DocumentStore = await openDocumentStore('memory:')
  try {
    const tables = new Tables(store, 1_000).of('default')
    await work(tables, async () =>
      (await tables.events.read('j')).map(({ data }) => (data.type === 'started' ? data.attempt : data.type)),
    )
  } finally {
    await store.close()
  }
}

describe('events of an attempt', () => {
  it('that slept before it said that it began are not told when another has begun since', () =>
    withTables(async (tables, types) => {
      await new AttemptEvents(tables, 'j', record(3), () => Promise.resolve(true)).start()
      // What the job's document says by now.
      const late = new AttemptEvents(tables, 'j', record(2), () => Promise.resolve(false))
      await assert.rejects(late.start(), { code: 'ABORTED', reason: 'LEASE_LOST' })
      assert.deepEqual(await types(), ['queued', 1, 3])
    }))

  it('that lose the job between the look at its log and their word have no word', () =>
    withTables(async (tables, types) => {
      const next = new AttemptEvents(tables, 'j', record(3), () => Promise.resolve(true))
      let isHeld = true
      const late = new AttemptEvents(tables, 'j', record(2), async () => {
        if (!isHeld) return false
        isHeld = false
        // The other one takes the job just after it was asked whose it is.
        await next.start()
        return true
      })
      await assert.rejects(late.start(), { code: 'ABORTED', reason: 'LEASE_LOST' })
      assert.deepEqual(await types(), ['queued', 1, 3])
    }))

  it('are gathered for a while, and the end takes along what was not written yet without waiting for that', () =>
    withTables(async (tables, types) => {
      const attempt = new AttemptEvents(tables, 'j', record(1), () => Promise.resolve(true), { gatherMs: 60_000 })
      await attempt.start()
      const told = Array.from({ length: 5 }, (_, data): EventRecord => ({ type: 'output', data }))
      for (const event of told) {
        attempt.add(event)
        await delay(5)
      }
      assert.deepEqual(await types(), [])
      assert.deepEqual(await attempt.drain(), told)
      assert.deepEqual(await types(), [])
    }))

  it('tell once how the job began, though it is not known whether the first of them were stored', () =>
    withTables(async (tables, types) => {
      let fails = true
      const events = {
        ...tables.events,
        head: (id: string) => tables.events.head(id),
        append: async (...call: Parameters<typeof tables.events.append>) => {
          const stored = await tables.events.append(...call)
          if (!fails) return stored
          fails = false
          throw new HoldfastError('UNKNOWN', 'The connection was cut')
        },
      } as TenantTables['events']
      const attempt = new AttemptEvents({ ...tables, events }, 'j', record(1), () => Promise.resolve(true), {
        gatherMs: 0,
      })
      await attempt.start()
      attempt.add({ type: 'progress', fraction: 0.5 })
      // What is told and drained in one go is left to the end.
      await delay(20)
      assert.deepEqual(await attempt.drain(), [])
      await attempt.know()
      const end: EventRecord[] = [...attempt.beginning(), { type: 'succeeded', fromCache: false }]
      assert.equal(attempt.isSilent, false)
      await tables.events.append(
        'j',
        end.map((data) => ({ data })),
      )
      assert.deepEqual(await types(), ['queued', 1, 'progress', 'succeeded'])
    }))
})
