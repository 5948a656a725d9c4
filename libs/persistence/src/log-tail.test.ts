import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { LogOperations, ReadRange } from './backend.js'
import { LogHub, type LogHubOptions } from './log-hub.js'
import { LogLanes } from './log-lanes.js'
import { StoredLog } from './log.js'
import { createMemoryBackend } from './memory/memory-backend.js'

interface Setup extends LogHubOptions {
  readonly shared?: boolean
  /** Called before each read and each look at heads; may throw. */
  readonly before?: (what: 'read' | 'heads') => void
}

const hubs: LogHub[] = []

afterEach(() => {
  for (const hub of hubs.splice(0)) hub.close()
})

function open({ shared = false, before, ...options }: Setup = {}) {
  const backend = createMemoryBackend()
  const { logs } = backend
  const reads: ReadRange[] = []
  const looks: number[] = []
  const operations: LogOperations = {
    ensure: (log) => logs.ensure(log),
    append: (log, groups) => logs.append(log, groups),
    read: async (log, range) => {
      reads.push(range)
      before?.('read')
      return logs.read(log, range)
    },
    heads: async (log, keys) => {
      looks.push(keys.length)
      before?.('heads')
      return logs.heads(log, keys)
    },
    create: (log, key) => logs.create(log, key),
    fork: (log, from, at, to) => logs.fork(log, from, at, to),
    trim: (log, key, to) => logs.trim(log, key, to),
    remove: (log, key) => logs.remove(log, key),
    amend: (log, key, seq, json) => logs.amend(log, key, seq, json),
  }
  const hub = new LogHub({ logs: operations, sharedWithOthers: shared }, options)
  hubs.push(hub)
  const lanes = new LogLanes('l', operations, hub)
  const log = new StoredLog<unknown>({ name: 'l', tenant: 't', operations, lanes, hub, ready: () => Promise.resolve() })
  /** Appends as another process would: nobody is told. */
  const appendElsewhere = (stream: string, ...data: unknown[]) =>
    logs.append('l', [{ tenant: 't', stream, entries: data.map((one) => ({ json: JSON.stringify(one) })) }])
  return { log, hub, logs, reads, looks, appendElsewhere }
}

const nextOf = async (iterator: AsyncIterator<{ readonly data: unknown }>) => (await iterator.next()).value?.data

/** Lets everything that is ready run. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a tail', () => {
  it('that waits gets entries of its own process without reading', async () => {
    const { log, reads } = open()
    await log.append('s', [{ data: 1 }])
    const tail = log.tail('s')[Symbol.asyncIterator]()
    assert.equal(await nextOf(tail), 1)
    const before = reads.length
    for (let n = 2; n < 20; n += 1) {
      const next = nextOf(tail)
      await turn()
      await log.append('s', [{ key: `k${n}`, data: n }])
      assert.equal(await next, n)
    }
    assert.equal(reads.length, before)
    await tail.return?.()
  })

  it('that is slow reads what it missed in pages, and nothing ahead of a page', async () => {
    const { log, reads } = open()
    const text = 'x'.repeat(100_000)
    const tail = log.tail('s')[Symbol.asyncIterator]()
    const first = nextOf(tail)
    await turn()
    for (let n = 0; n < 200; n += 1) await log.append('s', [{ data: text }])
    await first
    for (let n = 1; n < 200; n += 1) assert.equal(await nextOf(tail), text)
    assert.ok(Math.max(...reads.slice(2).map(({ limit }) => limit)) <= 64)
    // 64 entries of 100 kB were too much at once: pages of a megabyte follow.
    assert.equal(reads.at(-1)?.limit, 10)
    await tail.return?.()
  })

  it('ends when asked to while it waits, and leaves nothing behind', async () => {
    const { log, hub } = open()
    const { signal } = new AbortController()
    const tail = log.tail('s', { signal })[Symbol.asyncIterator]()
    const waiting = tail.next()
    await turn()
    assert.equal(hub.tails, 1)
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    await tail.return?.()
    assert.deepEqual(await waiting, { value: undefined, done: true })
    assert.equal(hub.tails, 0)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('ends quietly when aborted, and leaves nothing behind', async () => {
    const { log, hub } = open({ shared: true })
    const controller = new AbortController()
    const tail = log.tail('s', { signal: controller.signal })[Symbol.asyncIterator]()
    const waiting = tail.next()
    await turn()
    controller.abort()
    assert.deepEqual(await waiting, { value: undefined, done: true })
    assert.equal(hub.tails, 0)
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
    assert.ok(!process.getActiveResourcesInfo().includes('Timeout'))
  })

  it('does not spin when what was announced is trimmed before it is read', async () => {
    const { log, reads } = open()
    const tail = log.tail('s')[Symbol.asyncIterator]()
    await log.append('s', [{ data: 1 }])
    assert.equal(await nextOf(tail), 1)
    await log.append('s', [{ data: 2 }, { data: 3 }])
    await log.trim('s', { keepLast: 0 })
    const next = nextOf(tail)
    for (let n = 0; n < 20; n += 1) await turn()
    assert.ok(reads.length < 6, `${reads.length} reads`)
    await log.append('s', [{ data: 4 }])
    assert.equal(await next, 4)
    await tail.return?.()
  })

  it('of a store that closes fails, also a new one', async () => {
    const { log, hub } = open()
    const waiting = log.tail('s')[Symbol.asyncIterator]().next()
    await turn()
    hub.close()
    await assert.rejects(waiting, { code: 'FAILED_PRECONDITION', reason: 'STORE_CLOSED' })
    await assert.rejects(
      async () => {
        for await (const _ of log.tail('s'));
      },
      { code: 'FAILED_PRECONDITION', reason: 'STORE_CLOSED' },
    )
    assert.equal(hub.tails, 0)
  })

  it('starts anew each time it is iterated', async () => {
    const { log } = open()
    await log.append('s', [{ data: 1 }])
    const tail = log.tail('s')
    for (const _ of [1, 2]) {
      for await (const { data } of tail) {
        assert.equal(data, 1)
        break
      }
    }
  })
})

describe('tails of data that others write', () => {
  it('see appends and removals of others by looking, all streams at once', async () => {
    const { log, hub, logs, looks, appendElsewhere } = open({ shared: true, fastestPollMs: 5, slowestPollMs: 20 })
    const streams = ['a', 'b', 'c', 'd', 'e']
    const tails = streams.map((stream) => log.tail(stream)[Symbol.asyncIterator]())
    const waiting = tails.map(nextOf)
    await Promise.all(streams.map((stream) => appendElsewhere(stream, stream)))
    assert.deepEqual(await Promise.all(waiting), streams)
    const next = tails.map((tail) => tail.next())
    for (const stream of streams) await logs.remove('l', { tenant: 't', stream })
    const removed = { code: 'FAILED_PRECONDITION', reason: 'STREAM_REMOVED' }
    await Promise.all(next.map((one) => assert.rejects(one, removed)))
    assert.ok(looks.includes(5))
    assert.equal(hub.tails, 0)
    const { length } = looks
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(looks.length, length, 'nobody looks when nobody waits')
  })

  it('look less often while nothing happens', async () => {
    const { log, looks } = open({ shared: true, fastestPollMs: 4, slowestPollMs: 64 })
    const tail = log.tail('s')[Symbol.asyncIterator]()
    const waiting = tail.next()
    await new Promise((resolve) => setTimeout(resolve, 400))
    assert.ok(looks.length < 30, `looked ${looks.length} times in 400 ms`)
    await tail.return?.()
    await waiting
  })

  it('outlast an outage', async () => {
    let down = false
    const { log, appendElsewhere } = open({
      shared: true,
      fastestPollMs: 5,
      before: () => {
        if (down) throw new HoldfastError('UNAVAILABLE', 'The server went away')
      },
    })
    await appendElsewhere('s', 1)
    const tail = log.tail('s')[Symbol.asyncIterator]()
    assert.equal(await nextOf(tail), 1)
    down = true
    const waiting = nextOf(tail)
    const reading = nextOf(log.tail('s')[Symbol.asyncIterator]())
    await new Promise((resolve) => setTimeout(resolve, 100))
    await appendElsewhere('s', 2)
    down = false
    assert.deepEqual([await waiting, await reading], [2, 1])
    await tail.return?.()
  })

  it('fail with UNAVAILABLE when it lasts, and never end as if all had come', async () => {
    let down = false
    const { log, hub } = open({
      shared: true,
      fastestPollMs: 5,
      patienceMs: 120,
      before: () => {
        if (down) throw new HoldfastError('UNAVAILABLE', 'The server went away')
      },
    })
    await log.append('s', [{ data: 1 }])
    const tail = log.tail('s')[Symbol.asyncIterator]()
    assert.equal(await nextOf(tail), 1)
    down = true
    const waiting = tail.next()
    const reading = log.tail('s')[Symbol.asyncIterator]().next()
    await Promise.all([waiting, reading].map((next) => assert.rejects(next, { code: 'UNAVAILABLE' })))
    assert.equal(hub.tails, 0)
  })

  it('fail at once when waiting cannot help', async () => {
    let refused = false
    const { log } = open({
      shared: true,
      fastestPollMs: 5,
      before: () => {
        if (refused) throw new HoldfastError('PERMISSION_DENIED', 'The right was taken away')
      },
    })
    await log.append('s', [{ data: 1 }])
    const tail = log.tail('s')[Symbol.asyncIterator]()
    assert.equal(await nextOf(tail), 1)
    refused = true
    await assert.rejects(tail.next(), { code: 'PERMISSION_DENIED' })
  })
})
