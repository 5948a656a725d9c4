import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { AppendGroup, Backend, LogOperations } from '../backend.js'
import type { SqlConnection, SqlDriver } from './driver.js'
import { type Server, servers } from './servers.test.support.js'
import { openSqlBackend } from './sql-backend.js'

const log = 'test-log'
const stored = 'holdfast."l_test-log"'
const streams = 'holdfast."s_test-log"'

for (const [name, start] of servers) {
  describe(`logs on ${name}`, () => {
    let server: Server
    let backend: Backend
    let logs: LogOperations

    before(async () => {
      server = await start()
      backend = openSqlBackend(server.driver)
      await backend.migrate()
      await backend.logs.ensure(log)
      logs = backend.logs
    })

    after(async () => {
      await server[Symbol.asyncDispose]()
    })

    const freshTenant = () => `t-${randomUUID()}`

    async function count(sql: string, ...values: string[]): Promise<number> {
      const [row] = await server.driver.query({ text: `select count(*) from ${sql}`, values })
      return Number(row?.[0])
    }

    it('give back every string that JavaScript can hold', async () => {
      const tenant = freshTenant()
      const nasty = ['\0', '\ud800', '\udfff\ud800', '\ufdd0', '\\u0000', '😀', '__proto__', 'constructor', '']
      const json = JSON.stringify({ values: nasty, keys: Object.fromEntries(nasty.map((key) => [`${key} `, 1])) })
      const entry = { key: 'k', json }
      await logs.append(log, [{ tenant, stream: 's', entries: [entry] }])
      const [read] = await logs.read(log, { tenant, stream: 's', limit: 1, reverse: false })
      assert.deepEqual(JSON.parse(read?.json ?? ''), JSON.parse(json))
      const [again] = await logs.append(log, [{ tenant, stream: 's', entries: [entry] }])
      assert.equal(again?.kind, 'appended')
    })

    it('need no plan of their own for a few streams or entries', async () => {
      const tenant = freshTenant()
      const streamsOf = ['a', 'b', 'c'].map((stream) => ({ tenant, stream }))
      const entries = [{ json: '1' }]
      for (let n = 0; n < 30; n += 1) {
        await logs.append(
          log,
          streamsOf.map((stream) => ({ ...stream, entries })),
        )
        await logs.append(
          log,
          streamsOf.map((stream) => ({ ...stream, entries, ifExists: true })),
        )
        await logs.append(log, [{ tenant, stream: 'a', entries: [...entries, ...entries] }])
        await logs.heads(log, streamsOf)
      }
      const text = `select name, generic_plans, custom_plans from pg_prepared_statements
        where name like '%test-log' and generic_plans + custom_plans >= 15`
      const used = await server.driver.query({ text, values: [] })
      assert.ok(used.length >= 4, JSON.stringify(used))
      for (const [statement, generic, custom] of used) {
        // Since the 16th use, with which it was prepared anew. The server makes five plans before it keeps one.
        assert.ok(
          Number(generic) >= 10 && Number(custom) <= 5,
          `${String(statement)}: ${String(generic)} and ${String(custom)}`,
        )
      }
    })

    it('do not hold for a reader who may have missed an append that nobody tells', async (context) => {
      if (!server.driver.sharedWithOthers) return context.skip('one statement at a time')
      const tenant = freshTenant()
      const hold = async (): Promise<boolean> => {
        const reads = { documents: [], heads: [], entries: [] }
        const hold = { log, hold: { tenant, stream: 's', ms: 60_000 } }
        return (await backend.readTogether({ ...reads, hold })).isHeld
      }
      const append = { tenant, stream: 's', entries: [{ json: '1' }] }
      await logs.append(log, [append])
      let held: Promise<boolean> | undefined
      await backend.transaction(async (tx) => {
        const [outcome] = await tx.logs.append(log, [append])
        assert.equal(outcome?.kind === 'appended' && outcome.isHeld, false)
        held = hold()
        // Until it waits for the row.
        const waits = `pg_stat_activity where wait_event_type = 'Lock' and query like '%held_until%'`
        while ((await count(waits)) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      })
      assert.equal(await held, false)
      assert.equal(await hold(), true)
    })

    it('of before there were holds get them', async () => {
      const old = 'old-log'
      await backend.logs.ensure(old)
      await server.driver.script(`alter table holdfast."s_old-log" drop column held_until`)
      await server.driver.script(`update holdfast.relations set definition = '1' where name = '${old}'`)
      const another = openSqlBackend(server.driver)
      await another.migrate()
      await another.logs.ensure(old)
      const [outcome] = await another.logs.append(old, [{ tenant: 't', stream: 's', entries: [{ json: '1' }] }])
      assert.equal(outcome?.kind === 'appended' && outcome.isHeld, false)
    })

    it('delete what no branch shows any more, and only that', async () => {
      const tenant = freshTenant()
      const key = (stream: string) => ({ tenant, stream })
      await logs.append(log, [{ ...key('a'), entries: numbered(5) }])
      await logs.fork(log, key('a'), 3, key('b'))
      await logs.append(log, [{ ...key('b'), entries: numbered(2) }])
      await logs.fork(log, key('b'), 4, key('c'))
      await logs.fork(log, key('b'), 2, key('d'))
      const left = (stream: string) => count(`${stored} where tenant = $1 and stream = $2`, tenant, stream)
      await logs.remove(log, key('a'))
      assert.equal(await left('a'), 3)
      await logs.remove(log, key('b'))
      assert.deepEqual([await left('a'), await left('b')], [3, 1])
      await logs.trim(log, key('c'), { beforeSeq: 3 })
      assert.deepEqual([await left('a'), await left('b')], [3, 1])
      await logs.remove(log, key('d'))
      assert.deepEqual([await left('a'), await left('b')], [1, 1])
      await logs.remove(log, key('c'))
      assert.deepEqual([await left('a'), await left('b')], [0, 0])
      assert.equal(await count(`${streams} where tenant = $1 and unswept`, tenant), 0)
    })

    it('make up for a deletion that a crash interrupted, when they are opened', async () => {
      const tenant = freshTenant()
      await logs.append(log, [{ tenant, stream: 's', entries: numbered(3) }])
      // What `remove` leaves behind when the process dies between its two statements.
      await server.driver.query({
        text: `update ${streams} set removed_at = now(), unswept = true where tenant = $1`,
        values: [tenant],
      })
      assert.equal(await count(`${stored} where tenant = $1`, tenant), 3)
      const reopened = openSqlBackend(server.driver)
      await reopened.migrate()
      await reopened.logs.ensure(log)
      assert.equal(await count(`${stored} where tenant = $1`, tenant), 0)
      assert.equal(await count(`${streams} where tenant = $1 and unswept`, tenant), 0)
    })

    it('say UNKNOWN when a removal is marked but not swept, and finish it when repeated', async () => {
      const tenant = freshTenant()
      const key = { tenant, stream: 's' }
      await logs.append(log, [{ ...key, entries: numbered(3) }])
      const cut = openSqlBackend(failingAt(server.driver, /delete from/))
      await assert.rejects(cut.logs.remove(log, key), { code: 'UNKNOWN', reason: 'SWEEP_INTERRUPTED' })
      assert.deepEqual(await logs.read(log, { ...key, limit: 10, reverse: false }), [])
      assert.equal(await logs.remove(log, key), false)
      assert.equal(await count(`${stored} where tenant = $1`, tenant), 0)
    })

    it('do not call a batch unwritten of which a part is', async () => {
      const tenant = freshTenant()
      const cut = openSqlBackend(failingAt(server.driver, /with ordinality as u\(tenant, stream, place\)/))
      await logs.append(log, [{ tenant, stream: 'b', entries: numbered(1) }])
      const groups: AppendGroup[] = [
        { tenant, stream: 'a', entries: numbered(1) },
        { tenant, stream: 'b', entries: numbered(1), ifNext: 7 },
      ]
      await assert.rejects(cut.logs.append(log, groups), { code: 'UNKNOWN', reason: 'APPEND_INTERRUPTED' })
      await assert.rejects(cut.logs.append(log, groups.slice(1)), { code: 'UNAVAILABLE' })
    })

    it('report a stream that contradicts its entries instead of writing over them', async () => {
      const tenant = freshTenant()
      await logs.append(log, [{ tenant, stream: 's', entries: numbered(3) }])
      await server.driver.query({ text: `update ${streams} set head = 1 where tenant = $1`, values: [tenant] })
      const group = { tenant, stream: 's', entries: numbered(1) }
      await assert.rejects(logs.append(log, [group]), { code: 'DATA_LOSS', reason: 'STREAM_INCONSISTENT' })
      assert.equal(await count(`${stored} where tenant = $1`, tenant), 3)
    })

    it('keep the times of a stream in order when the clock goes back', async () => {
      const tenant = freshTenant()
      const append = async () => (await logs.append(log, [{ tenant, stream: 's', entries: numbered(1) }]))[0]
      await append()
      await server.driver.query({
        text: `update ${streams} set at = at + interval '1 hour' where tenant = $1`,
        values: [tenant],
      })
      const [head] = await logs.heads(log, [{ tenant, stream: 's' }])
      const outcome = await append()
      assert(outcome?.kind === 'appended')
      assert.equal(outcome.entries[0]?.at, head?.at)
    })

    it('abort a transaction whose key another writer took meanwhile, and leave nothing of it', async () => {
      const tenant = freshTenant()
      const group = { tenant, stream: 's', entries: [{ key: 'k', json: '1' }] }
      await logs.append(log, [{ tenant, stream: 's', entries: [{ json: '0' }] }])
      const inside = backend.transaction(async (tx) => {
        await tx.logs.heads(log, [group])
        if (server.another !== undefined) await logs.append(log, [group])
        return tx.logs.append(log, [group])
      })
      if (server.another === undefined) await inside
      else await assert.rejects(inside, { code: 'ABORTED', reason: 'TRANSACTION_CONFLICT' })
      assert.equal(await count(`${stored} where tenant = $1`, tenant), 2)
    })

    it('look keys up before they append in a transaction, so that a repetition does not end it', async () => {
      const tenant = freshTenant()
      const group = { tenant, stream: 's', entries: [{ key: 'k', json: '{"a":1}' }] }
      await logs.append(log, [group])
      const outcomes = await backend.transaction(async (tx) => [
        ...(await tx.logs.append(log, [group])),
        ...(await tx.logs.append(log, [{ ...group, entries: [...group.entries, { json: '2' }] }])),
      ])
      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind === 'appended' && outcome.entries.map(({ seq }) => seq)),
        [[1], [1, 2]],
      )
    })

    it(
      'raise heads without touching an index',
      { skip: name === 'embedded' && 'PGlite gathers no statistics' },
      async () => {
        const { another } = server
        assert.ok(another !== undefined)
        await logs.ensure('hot-log')
        // One connection, because each reports its own part of the statistics.
        const driver = await another()
        const own = openSqlBackend(driver).logs
        for (let done = 0; done < 500; done += 1) {
          await own.append('hot-log', [{ tenant: 't', stream: `s${done % 4}`, entries: numbered(1) }])
        }
        await driver.query({ text: 'select pg_stat_force_next_flush()', values: [] })
        const [row] = await driver.query({
          text: `select n_tup_hot_upd::float8 / n_tup_upd from pg_stat_user_tables where relname = 's_hot-log'`,
          values: [],
        })
        await driver.close()
        assert.ok(Number(row?.[0]) > 0.9, `share of HOT updates: ${Number(row?.[0])}`)
      },
    )

    it(
      'give many writers gap-free numbers and every key one entry',
      { skip: name === 'embedded' && 'it has one owner' },
      async () => {
        const { another } = server
        assert.ok(another !== undefined)
        const tenant = freshTenant()
        const drivers = await Promise.all([1, 2, 3, 4].map(another))
        const numbers = new Map<string, number>()
        try {
          await Promise.all(
            Array.from({ length: 32 }, async (_, writer) => {
              const own = openSqlBackend(drivers[writer % drivers.length] ?? server.driver).logs
              for (let round = 0; round < 12; round += 1) {
                // Two writers share each key, and every batch spans three streams in an order of its own.
                const groups = [0, 1, 2].map((offset) => ({
                  tenant,
                  stream: `s${(writer + offset) % 3}`,
                  entries: [{ key: `k${writer >> 1}-${round}`, json: `"${writer >> 1}"` }, { json: `${writer}` }],
                }))
                for (const [index, outcome] of (await own.append(log, groups)).entries()) {
                  assert(outcome.kind === 'appended')
                  const name = `${groups[index]?.stream} ${groups[index]?.entries[0]?.key}`
                  const seq = outcome.entries[0]?.seq ?? 0
                  assert.equal(numbers.get(name) ?? seq, seq, `${name} was answered with two numbers`)
                  numbers.set(name, seq)
                }
              }
            }),
          )
        } finally {
          await Promise.all(drivers.map((driver) => driver.close()))
        }
        for (const stream of ['s0', 's1', 's2']) {
          const entries = await logs.read(log, { tenant, stream, limit: 10_000, reverse: false })
          const keys = entries.flatMap(({ key }) => key ?? [])
          assert.equal(new Set(keys).size, keys.length)
          assert.equal(keys.length, 16 * 12)
          assert.deepEqual(
            entries.map(({ seq }) => seq),
            entries.map((_, index) => index + 1),
          )
          assert.equal(entries.length, 16 * 12 + 32 * 12)
        }
      },
    )
  })
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ json: `${index}` }))

/** A driver that answers UNAVAILABLE for matching statements, as if the server went away just before them. */
function failingAt(driver: SqlDriver, pattern: RegExp): SqlDriver {
  const connection: SqlConnection = {
    query: (statement) =>
      pattern.test(statement.text) && !/insert into/.test(statement.text)
        ? Promise.reject(new HoldfastError('UNAVAILABLE', 'The server went away'))
        : driver.query(statement),
  }
  return {
    kind: driver.kind,
    sharedWithOthers: driver.sharedWithOthers,
    query: (statement) => connection.query(statement),
    transaction: (work) => driver.transaction(work),
    copyIn: (text, chunks) => driver.copyIn(text, chunks),
    snapshot: (work) => driver.snapshot(work),
    script: (text) => driver.script(text),
    maintain: (text, signal) => driver.maintain(text, signal),
    health: () => driver.health(),
    close: () => driver.close(),
  }
}
