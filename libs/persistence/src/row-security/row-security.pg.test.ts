import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import pg from 'pg'
import { openDocumentStore } from '../open.js'
import { plainRole } from './plain-role.test.support.js'

const database = await postgresForTests()
after(() => database[Symbol.asyncDispose]())
const url = await plainRole(database.url)
const open = () => openDocumentStore(url, { rowSecurity: true, sweepIntervalMs: 0 })

/** What a hand-written statement of the application's role sees. */
async function byHand(text: string, tenants?: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    if (tenants !== undefined) await client.query(`select set_config('holdfast.tenants', $1, false)`, [tenants])
    return await client.query(text)
  } finally {
    await client.end()
  }
}

describe('row-level security', () => {
  it('shows a statement by hand nothing without a tenant, and nothing of another one', async () => {
    await using store = await open()
    const [acme, other] = [store.tenant('acme'), store.tenant('say "other", {b}\\')]
    await acme.collection('notes').put('n', { text: 'of acme' })
    await other.collection('notes').put('n', { text: 'of the other' })
    await acme.log('events').append('s', [{ data: 1 }])
    const { hash } = await acme.blobs.put(Buffer.from('bytes'), { contentType: 'text/plain' })
    await acme.transaction(async (tx) => tx.collection('notes').put('m', { text: 'of acme' }), { key: 'k' })
    for (const table of ['c_notes', 'l_events', 's_events', 'blobs', 'blob_chunks', 'transactions']) {
      const count = `select count(*)::int as n from holdfast.${table}`
      await assert.rejects(byHand(count), /holdfast\.tenants/)
      await assert.rejects(byHand(count, ''), /malformed array literal/)
      assert.equal((await byHand(count, '{wrong}')).rows[0].n, 0, table)
      assert.ok((await byHand(count, '{acme}')).rows[0].n >= 1, table)
    }
    const { rows } = await byHand('select tenant, id from holdfast.c_notes order by id', '{acme}')
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['m', 'n'],
    )
    await assert.rejects(byHand(`update holdfast.c_notes set tenant = 'stolen'`, '{acme}'), /row-level security/)
    assert.equal((await byHand(`delete from holdfast.c_notes`, '{wrong}')).rowCount, 0)
    // And all is as it was.
    assert.deepEqual((await acme.collection('notes').get('n'))?.data, { text: 'of acme' })
    assert.deepEqual((await other.collection('notes').get('n'))?.data, { text: 'of the other' })
    assert.equal((await acme.blobs.stat(hash))?.sizeBytes, 5)
  })

  it('is satisfied by batches over tenants, and by what goes over all of them', async () => {
    await using store = await open()
    const tenants = Array.from({ length: 20 }, (_, n) => store.tenant(`many-${n}`))
    const notes = tenants.map((tenant) => tenant.collection<{ n: number }>('batched'))
    await notes[0]?.put('first', { n: 0 })
    await Promise.all(notes.map((collection, n) => collection.put('x', { n })))
    const read = await Promise.all(notes.map((collection) => collection.get('x')))
    assert.deepEqual(
      read.map((document) => document?.data.n),
      tenants.map((_, n) => n),
    )
    await Promise.all(tenants.map((tenant) => tenant.log('batched').append('s', [{ data: 1 }])))
    const lines: string[] = []
    for await (const line of store.export()) lines.push(line)
    assert.ok(lines.filter((line) => line.includes('many-')).length >= 40)
    await tenants[3]?.eraseTenant()
    assert.equal(await notes[3]?.get('x'), undefined)
    await store.sweep()
  })

  it('holds a program that opens the database without asking for it, and one that had opened it before', async () => {
    const fresh = await plainRole(database.url)
    await using before = await openDocumentStore(fresh, { sweepIntervalMs: 0 })
    await before.tenant('acme').collection('notes').put('n', { n: 1 })
    assert.equal((await before.health()).rowSecurity, 'off')
    await using wall = await openDocumentStore(fresh, { rowSecurity: true, sweepIntervalMs: 0 })
    assert.deepEqual((await before.tenant('acme').collection('notes').get('n'))?.data, { n: 1 })
    await using later = await openDocumentStore(fresh, { sweepIntervalMs: 0 })
    await later.tenant('acme').collection('made-later').put('n', { n: 2 })
    assert.deepEqual((await wall.tenant('acme').collection('made-later').get('n'))?.data, { n: 2 })
    assert.equal((await later.health()).rowSecurity, 'stands')
  })

  it('is refused where it would say nothing', async () => {
    await assert.rejects(openDocumentStore(database.url, { rowSecurity: true }), {
      code: 'FAILED_PRECONDITION',
      reason: 'ROW_SECURITY_BYPASSED',
    })
    await assert.rejects(openDocumentStore('memory:', { rowSecurity: true }), { code: 'FAILED_PRECONDITION' })
  })
})
