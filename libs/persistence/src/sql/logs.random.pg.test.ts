import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import * as fc from 'fast-check'
import type { Backend } from '../backend.js'
import { createMemoryBackend } from '../memory/memory-backend.js'
import { type Server, servers } from './servers.test.support.js'
import { openSqlBackend } from './sql-backend.js'

const log = 'random-log'
const roots = ['a', 'b']
/** Streams that come to be by forks only, so that many forks find a name that is free. */
const branches = ['c', 'd', 'e', 'f', 'g', 'h']
const streamNames = [...roots, ...branches]

/** A call; it resolves with what it answers, or how it fails, without times: those are the server's. */
interface Command {
  readonly label: string
  readonly run: (backend: Backend, tenant: string) => Promise<unknown>
}

for (const [name, start] of servers) {
  describe(`logs on ${name}, against those in memory`, () => {
    let server: Server
    let backend: Backend

    before(async () => {
      server = await start()
      backend = openSqlBackend(server.driver)
      await backend.migrate()
      await backend.logs.ensure(log)
    })

    after(async () => {
      await server[Symbol.asyncDispose]()
    })

    it('answer random calls alike', async () => {
      await fc.assert(
        fc.asyncProperty(commands, async (calls) => {
          const oracle = createMemoryBackend()
          await oracle.logs.ensure(log)
          const tenant = `t-${randomUUID()}`
          for (const [index, { label, run }] of [...prelude, ...calls, ...epilogue].entries()) {
            const [expected, actual] = await Promise.all([run(oracle, tenant), run(backend, tenant)])
            assert.deepEqual(actual, expected, `call ${index}: ${label}`)
          }
        }),
        { numRuns: 60, seed: Number(process.env['HOLDFAST_TEST_SEED'] ?? 20261122) },
      )
    })
  })
}

const stream = fc.constantFrom(...streamNames)
const seq = fc.integer({ min: 0, max: 9 })
const json = fc.constantFrom('1', '{"x":1,"y":[2]}', '{"y":[2],"x":1}', '"\\u0000"')
const entry = fc.record({ key: fc.constantFrom('k1', 'k2', 'k3', 'k4'), json }, { requiredKeys: ['json'] })
const entries = fc.uniqueArray(entry, {
  minLength: 1,
  maxLength: 3,
  selector: ({ key }) => key,
  comparator: (a, b) => a !== undefined && a === b,
})
const ifNext = fc.integer({ min: 1, max: 9 })
const group = fc.oneof(
  fc.record({ stream: fc.constantFrom(...roots), entries }),
  fc.record({ stream, entries, ifExists: fc.constant(true) }),
  fc.record({ stream, entries, ifNext, ifExists: fc.constant(true) }),
)
const groups = fc.uniqueArray(group, { minLength: 1, maxLength: 3, selector: (one) => one.stream })

const append = groups.map((some): Command => ({
  label: `append ${JSON.stringify(some)}`,
  run: async ({ logs }, tenant) => {
    const outcomes = await logs.append(
      log,
      some.map((one) => ({ ...one, tenant })),
    )
    return outcomes.map((outcome) =>
      outcome.kind === 'appended'
        ? outcome.entries.map((one) => ({ seq: one.seq, stored: parsed(one.stored?.json) }))
        : outcome,
    )
  },
}))

const appendInTransaction = append.map(({ label, run }): Command => ({
  label: `in a transaction: ${label}`,
  run: (backend, tenant) => backend.transaction((tx) => run({ ...backend, logs: tx.logs }, tenant)),
}))

const fork = fc.tuple(stream, seq, fc.constantFrom(...branches)).map(([from, at, to]): Command => ({
  label: `fork ${from} at ${at} to ${to}`,
  run: ({ logs }, tenant) => failureOf(logs.fork(log, { tenant, stream: from }, at, { tenant, stream: to })),
}))

const trim = fc
  .tuple(
    stream,
    fc.oneof(
      fc.record({ keepLast: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ beforeSeq: seq }),
      fc.record({ olderThanMs: fc.constant(3_600_000) }),
    ),
  )
  .map(([one, to]): Command => ({
    label: `trim ${one} ${JSON.stringify(to)}`,
    run: ({ logs }, tenant) => logs.trim(log, { tenant, stream: one }, to),
  }))

const remove = stream.map((one): Command => ({
  label: `remove ${one}`,
  run: ({ logs }, tenant) => logs.remove(log, { tenant, stream: one }),
}))

const create = stream.map((one): Command => ({
  label: `create ${one}`,
  run: ({ logs }, tenant) => logs.create(log, { tenant, stream: one }),
}))

const amend = fc.tuple(stream, seq, json).map(([one, at, text]): Command => ({
  label: `amend ${one} ${at} ${text}`,
  run: async ({ logs }, tenant) => {
    const amended = await logs.amend(log, { tenant, stream: one }, at, text)
    return amended === undefined ? undefined : withoutTime([amended])
  },
}))

const range = fc.record(
  { stream, after: seq, before: seq, limit: fc.integer({ min: 1, max: 5 }), reverse: fc.boolean() },
  { requiredKeys: ['stream', 'limit', 'reverse'] },
)

const read = range.map((one): Command => ({
  label: `read ${JSON.stringify(one)}`,
  run: async ({ logs }, tenant) => withoutTime(await logs.read(log, { ...one, tenant })),
}))

const heads: Command = {
  label: 'heads',
  run: async ({ logs }, tenant) => {
    const keys = streamNames.map((one) => ({ tenant, stream: one }))
    return (await logs.heads(log, keys)).map(({ at, ...head }) => ({ ...head, written: at > 0 }))
  },
}

const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: append },
    { weight: 1, arbitrary: appendInTransaction },
    { weight: 5, arbitrary: fork },
    { weight: 3, arbitrary: trim },
    { weight: 1, arbitrary: remove },
    { weight: 1, arbitrary: create },
    { weight: 2, arbitrary: amend },
    { weight: 3, arbitrary: read },
    { weight: 2, arbitrary: fc.constant(heads) },
  ),
  { minLength: 10, maxLength: 50, size: 'max' },
)

/** Something to fork from. */
const prelude: readonly Command[] = [
  {
    label: 'append the first entries',
    run: async ({ logs }, tenant) => {
      const some = ['k1', 'k2', 'k3'].flatMap((key, index) => [{ key, json: `${index}` }, { json: `${index}` }])
      await logs.append(log, [{ tenant, stream: 'a', entries: some }])
    },
  },
]

const epilogue: readonly Command[] = [
  heads,
  ...streamNames.map((one): Command => ({
    label: `read all of ${one}`,
    run: async ({ logs }, tenant) =>
      withoutTime(await logs.read(log, { tenant, stream: one, limit: 1_000, reverse: false })),
  })),
]

function withoutTime(
  all: readonly { readonly seq: number; readonly key?: string; readonly json: string }[],
): readonly unknown[] {
  return all.map((one) => ({ seq: one.seq, key: one.key, data: parsed(one.json) }))
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text)
}

async function failureOf(work: Promise<void>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    assert(error instanceof HoldfastError)
    return error.code
  }
}
