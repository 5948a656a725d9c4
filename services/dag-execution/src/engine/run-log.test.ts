import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type TenantStore, openDocumentStore } from '@holdfast/persistence'
import type { RunEvent } from '../run/events.js'
import { LogTaken, RunLog } from './run-log.js'

const at = Date.UTC(2026, 0, 1)
const { signal } = new AbortController()

function started(node: string): RunEvent {
  return { at, type: 'node-started', node, attempt: 1 }
}

async function all(log: RunLog): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of log.read()) events.push(event)
  return events
}

describe('the log of a run', () => {
  const store = openDocumentStore('memory:')
  after(async () => (await store).close())

  it('takes nothing of an owner that was taken for dead, once another has written', async () => {
    const dead = new RunLog(await store, 'fenced')
    await dead.append([started('a')], signal)
    const owner = new RunLog(await store, 'fenced')
    assert.deepEqual(await all(owner), [started('a')])
    await owner.append([started('b')], signal)
    await assert.rejects(dead.append([started('c')], signal), LogTaken)
    assert.deepEqual(await all(new RunLog(await store, 'fenced')), [started('a'), started('b')])
  })

  it('looks up an append of which nobody knows what became, and repeats none that is there', async () => {
    for (const becomes of ['written', 'lost'] as const) {
      const log = new RunLog(unsure(await store, becomes), becomes)
      await log.append([started('a'), started('b')], signal)
      await log.append([started('c')], signal)
      assert.deepEqual(await all(new RunLog(await store, becomes)), [started('a'), started('b'), started('c')])
    }
  })
})

/** A store of which the first append ends without an answer. */
function unsure(store: TenantStore, becomes: 'written' | 'lost'): TenantStore {
  let isFirst = true
  return {
    ...store,
    blobs: store.blobs,
    log: (name: string) => {
      const log = store.log(name)
      const append: typeof log.append = async (...entries) => {
        const wasFirst = isFirst
        isFirst = false
        if (!wasFirst) return log.append(...entries)
        if (becomes === 'written') await log.append(...entries)
        throw new HoldfastError('UNKNOWN', 'The connection was cut')
      }
      return new Proxy(log, { get: (of, member) => (member === 'append' ? append : Reflect.get(of, member).bind(of)) })
    },
  } as unknown as TenantStore
}
