import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { TenantPool } from './tenant-pool.js'

class Parts implements AsyncDisposable {
  isBusy = false
  isClosed = false
  readonly tenant: string
  constructor(tenant: string) {
    this.tenant = tenant
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await delay(5)
    this.isClosed = true
  }
}

const open = (tenant: string): Promise<Parts> => delay(5).then(() => new Parts(tenant))
const isBusy = ({ isBusy }: Parts): boolean => isBusy

describe('what serves tenants', () => {
  it('is opened once for each, however many call at once, and answers at once from then on', async () => {
    await using pool = new TenantPool({ open })
    const leases = await Promise.all(['a', 'b', 'a'].map(async (tenant) => pool.lease(tenant)))
    assert.deepEqual(
      leases.map(({ parts }) => parts.tenant),
      ['a', 'b', 'a'],
    )
    assert.equal(leases[0]?.parts, leases[2]?.parts)
    assert.ok(!(pool.lease('a') instanceof Promise))
  })

  it('is closed when nobody has used it for a while, but not while it is used, busy or kept', async () => {
    await using pool = new TenantPool({ open, isBusy, idleMs: 30 })
    const idle = await pool.lease('idle')
    const used = await pool.lease('used')
    const busy = await pool.lease('busy')
    busy.parts.isBusy = true
    const kept = await pool.keep('kept')
    idle[Symbol.dispose]()
    busy[Symbol.dispose]()
    while (!idle.parts.isClosed) await delay(5)
    assert.deepEqual([used.parts.isClosed, busy.parts.isClosed, kept.isClosed], [false, false, false])
    // The one that closes is gone before the next one of the tenant is opened.
    const again = await pool.lease('idle')
    assert.notEqual(again.parts, idle.parts)
  })

  it('makes room by closing what was idle longest, and refuses when all is in use', async () => {
    await using pool = new TenantPool({ open, isBusy, most: 2 })
    const a = await pool.lease('a')
    const b = await pool.lease('b')
    await assert.rejects(Promise.resolve(pool.lease('c')), { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_TENANTS' })
    a[Symbol.dispose]()
    const c = await pool.lease('c')
    assert.equal(c.parts.tenant, 'c')
    assert.equal(b.parts.isClosed, false)
  })

  it('is opened anew after a failure, and not after the end', async () => {
    let isFirst = true
    const pool = new TenantPool({
      async open(tenant: string) {
        if (!isFirst) return open(tenant)
        isFirst = false
        throw new Error('the database is away')
      },
    })
    await assert.rejects(Promise.resolve(pool.lease('a')), /away/)
    const { parts } = await pool.lease('a')
    await pool[Symbol.asyncDispose]()
    assert.ok(parts.isClosed)
    await assert.rejects(Promise.resolve(pool.lease('b')), { code: 'UNAVAILABLE' })
  })
})
