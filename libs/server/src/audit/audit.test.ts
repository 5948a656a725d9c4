import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { systemTenant } from '../auth/tenant-name.js'
import { EchoClient, startEcho } from '../echo.test.fixture.js'
import { type AuditEvent, type AuditRecord, hashOfEntry } from './audit-entry.js'
import { AuditLog } from './audit-log.js'
import { CallAudit } from './call-audit.js'
import { formatAnchor, parseAnchor, verifyAudit } from './verify-audit.js'

const event = (n: number): Omit<AuditEvent, 'at'> => ({
  kind: 'command',
  action: `step ${n}`,
  outcome: 'OK',
  facts: { b: '1', a: '2' },
})

const open = (): Promise<DocumentStore> => openDocumentStore('memory:', { sweepIntervalMs: 0 })

async function filled(store: DocumentStore, key?: string): Promise<AuditLog> {
  const log = new AuditLog(store, { key })
  for (let n = 1; n <= 5; n += 1) await log.record(event(n))
  return log
}

/** A log with these entries, as somebody would leave it who can write to the database. */
async function forged(change: (records: AuditRecord[]) => AuditRecord[], key?: string) {
  await using store = await open()
  const log = await filled(store, key)
  const records: AuditRecord[] = []
  for await (const { data } of log.entries()) records.push(data)
  await using other = await open()
  const entries = change(records).map((data) => ({ data }))
  await other.tenant(systemTenant).log<AuditRecord>('audit').append('audit', entries)
  const { anchor } = await verifyAudit(log, { key })
  return verifyAudit(new AuditLog(other, { key }), { key, anchor })
}

const at = (records: readonly AuditRecord[], index: number): AuditRecord =>
  records[index] ?? assert.fail('no such entry')

describe('the audit log', () => {
  it('is a chain, over several processes that write at once', async () => {
    await using store = await open()
    const logs = [new AuditLog(store), new AuditLog(store), new AuditLog(store)]
    await Promise.all(logs.flatMap((log) => [1, 2, 3, 4].map((n) => log.record(event(n)))))
    const verdict = await verifyAudit(new AuditLog(store))
    assert.deepEqual([verdict.ok, verdict.entries], [true, 12])
    assert.deepEqual(parseAnchor(formatAnchor(verdict.anchor ?? assert.fail())), verdict.anchor)
    assert.throws(() => parseAnchor('3:xyz'), { code: 'INVALID_ARGUMENT' })
  })

  it('shows where an entry was changed, removed, inserted or put elsewhere, and that the end was cut off', async () => {
    const problem = async (change: (records: AuditRecord[]) => AuditRecord[]) => (await forged(change)).problem
    assert.equal(await problem((records) => records), undefined)
    assert.deepEqual(await problem((all) => all.map((one, n) => (n === 2 ? { ...one, outcome: 'ABORTED' } : one))), {
      seq: 3,
      kind: 'changed',
    })
    assert.deepEqual(await problem((all) => all.toSpliced(1, 1)), { seq: 2, kind: 'changed' })
    assert.deepEqual(await problem((all) => all.toSpliced(3, 0, at(all, 0))), { seq: 4, kind: 'changed' })
    assert.deepEqual(await problem(([a, b, ...rest]) => [b, a, ...rest].flatMap((one) => one ?? [])), {
      seq: 1,
      kind: 'changed',
    })
    assert.deepEqual(await problem((all) => all.slice(0, 4)), { seq: 5, kind: 'cut' })
    // With a hash that fits it, but not the one after it.
    const rewrite = (record: AuditRecord, seq: number): AuditRecord => {
      const changed = { ...record, action: 'something else' }
      return { ...changed, hash: hashOfEntry(seq, changed, undefined) }
    }
    assert.deepEqual(await problem((all) => all.with(1, rewrite(at(all, 1), 2))), { seq: 3, kind: 'chain' })
    assert.deepEqual(await problem((all) => all.with(4, rewrite(at(all, 4), 5))), { seq: 5, kind: 'anchor' })
  })

  it('shows entries that are missing in the middle or at the end of the stream', async () => {
    await using store = await open()
    const log = await filled(store)
    const stored = store.tenant(systemTenant).log<AuditRecord>('audit')
    await stored.trim('audit', { beforeSeq: 3 })
    assert.deepEqual((await verifyAudit(log)).problem, { seq: 1, kind: 'removed' })
    await stored.trim('audit', { beforeSeq: 6 })
    assert.deepEqual((await verifyAudit(log)).problem, { seq: 1, kind: 'cut' })
  })

  it('takes no entry of somebody who has the database and not the key', async () => {
    const forgedEnd = await forged((all) => {
      const previous = at(all, 3).hash
      const record = { ...at(all, 4), action: 'forged', previous }
      return all.with(4, { ...record, hash: hashOfEntry(5, record, undefined) })
    }, 'the key')
    assert.deepEqual(forgedEnd.problem, { seq: 5, kind: 'changed' })
  })
})

describe('calls that are audited', () => {
  it('are those of admins, those that take something away and those that are denied, and no others', async () => {
    const events: Omit<AuditEvent, 'at'>[] = []
    const audit = new CallAudit({ record: async (one) => void events.push(one) })
    const caller = { tenant: 'acme', role: 'writer' as const, credential: 'k1' }
    const end = (method: string, role: 'reader' | 'writer' | 'admin', error?: HoldfastError) =>
      audit.ended({
        method: `x.v1.S/${method}`,
        role,
        caller: error?.code === 'UNAUTHENTICATED' ? undefined : caller,
        error,
      })
    assert.equal(end('GetThing', 'reader'), undefined)
    assert.equal(end('PutThing', 'writer', new HoldfastError('ABORTED', 'Somebody else was first')), undefined)
    await end('EraseThing', 'admin')
    await end('DeleteThing', 'writer')
    const denied = new HoldfastError('PERMISSION_DENIED', 'No', { reason: 'ROLE_TOO_LOW' })
    for (let n = 0; n < 1000; n += 1) void end('PutThing', 'writer', denied)
    void end('GetThing', 'reader', new HoldfastError('UNAUTHENTICATED', 'Who?'))
    await audit.flush()
    const who = { tenant: 'acme', role: 'writer', credential: 'k1' }
    const refused = {
      kind: 'call',
      action: 'x.v1.S/PutThing',
      outcome: 'PERMISSION_DENIED',
      reason: 'ROLE_TOO_LOW',
      ...who,
    }
    assert.deepEqual(events, [
      { kind: 'call', action: 'x.v1.S/EraseThing', outcome: 'OK', ...who },
      { kind: 'call', action: 'x.v1.S/DeleteThing', outcome: 'OK', ...who },
      refused,
      { kind: 'call', action: 'x.v1.S/GetThing', outcome: 'UNAUTHENTICATED' },
      { ...refused, count: 999 },
    ])
  })

  it('are in the log when they are answered', async () => {
    await using store = await open()
    const log = new AuditLog(store)
    const roles = { 'holdfast.test.v1.Echo': { Echo: 'admin' as const } }
    await using server = await startEcho({}, { roles, audit: new CallAudit(log) })
    using client = new EchoClient(server.address)
    await client.echo('something personal')
    const entries: AuditRecord[] = []
    for await (const { data } of log.entries()) entries.push(data)
    assert.deepEqual(
      entries.map(({ action, outcome, tenant }) => [action, outcome, tenant]),
      [['holdfast.test.v1.Echo/Echo', 'OK', 'default']],
    )
    assert.ok(!JSON.stringify(entries).includes('personal'))
  })
})
