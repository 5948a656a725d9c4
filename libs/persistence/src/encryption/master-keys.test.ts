import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '../open.js'
import { KeyRing } from './key-ring.js'
import { encryptionFromEnvironment, type KeyContext, MasterKeys } from './master-keys.js'
import { MemoryKeys } from './memory-keys.js'

const secret = randomBytes(32).toString('base64')
const other = randomBytes(32).toString('base64')

describe('HOLDFAST_ENCRYPTION_KEYS', () => {
  it('holds keys, the current one first, divided by commas or lines', async () => {
    const expected = {
      keys: [
        { id: 'b', secret },
        { id: 'a', secret: other },
      ],
    }
    assert.deepEqual(await encryptionFromEnvironment(`b=${secret},a=${other}`), expected)
    assert.deepEqual(await encryptionFromEnvironment(`# comment\nb=${secret}\n\na=${other}\n`), expected)
    assert.equal(await encryptionFromEnvironment(''), undefined)
  })

  it('may be the path of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
    try {
      await writeFile(join(folder, 'keys'), `b=${secret}\n`)
      assert.deepEqual(await encryptionFromEnvironment(join(folder, 'keys')), { keys: [{ id: 'b', secret }] })
      await assert.rejects(encryptionFromEnvironment(join(folder, 'none')), {
        code: 'FAILED_PRECONDITION',
        reason: 'MASTER_KEY_MISSING',
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is refused by its place, without being shown, if it is not understood', async () => {
    const likePath = `/${secret.slice(1)}`
    for (const value of [`b=${secret.slice(0, 30)}`, secret, likePath, `a=${secret};b=${secret}`]) {
      await assert.rejects(encryptionFromEnvironment(value), (error: HoldfastError) => {
        assert.equal(error.code, 'INVALID_ARGUMENT')
        assert.ok(!inspect(error).includes(secret.slice(1, 20)), error.message)
        return true
      })
    }
  })
})

describe('encryption options', () => {
  const fault = (options: unknown, field: string) =>
    assert.rejects(openDocumentStore('memory:', { encryption: options as never }), (error: HoldfastError) => {
      assert.equal(error.code, 'INVALID_ARGUMENT', error.message)
      assert.equal(error.fields[0]?.field, field)
      assert.ok(!inspect(error).includes(secret.slice(0, 20)))
      return true
    })

  it('are refused with the field at fault', async () => {
    await fault({ keys: [] }, 'encryption.keys')
    await fault({ keys: [{ id: 'a', secret: secret.slice(0, 40) }] }, 'encryption.keys[0].secret')
    await fault({ keys: [{ id: 'a', secret: Buffer.alloc(31) }] }, 'encryption.keys[0].secret')
    await fault({ keys: [{ id: 'a b', secret }] }, 'encryption.keys[0].id')
    await fault(
      {
        keys: [
          { id: 'a', secret },
          { id: 'a', secret },
        ],
      },
      'encryption.keys',
    )
    await fault({ keys: [{ id: 'a', secret }], current: 'b' }, 'encryption.current')
    await fault({ keys: [{ id: 'a', wrap: () => {} }] }, 'encryption.keys[0]')
    await fault({ keys: [{ id: 'a', secret }], keyCacheMs: 1 }, 'encryption.keyCacheMs')
  })

  it('may get the secret from a function, which is asked once', async () => {
    let asked = 0
    const load = async () => {
      asked += 1
      return secret
    }
    const encryption = { keys: [{ id: 'a', secret: load }] }
    await using store = await openDocumentStore('memory:', { encryption })
    const docs = (tenant: string) => store.tenant(tenant).collection('docs', { encrypt: true })
    await Promise.all(['a', 'b', 'c'].map((tenant) => docs(tenant).put('x', { n: 1 })))
    assert.equal(asked, 1)
  })
})

describe('a key service', () => {
  it('wraps and unwraps the keys of tenants, and is told whose they are', async () => {
    const seen: KeyContext[] = []
    const flip = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte) => byte ^ 0x55)
    const service = {
      id: 'service',
      wrap: async (key: Uint8Array, context: KeyContext) => {
        seen.push(context)
        return flip(key)
      },
      unwrap: async (wrapped: Uint8Array) => flip(wrapped),
    }
    await using store = await openDocumentStore('memory:', { encryption: { keys: [service] } })
    const docs = store.tenant('acme').collection('docs', { encrypt: true })
    await docs.put('x', { n: 1 })
    assert.deepEqual((await docs.get('x'))?.data, { n: 1 })
    assert.deepEqual(seen, [
      { tenant: 'acme', number: 0 },
      { tenant: 'acme', number: 1 },
    ])
  })

  it('that cannot be reached is UNAVAILABLE, and asked again by the next call', async () => {
    let down = true
    const service = {
      id: 'service',
      wrap: async (key: Uint8Array) => {
        if (down) throw new Error('no route to the service')
        return key
      },
      unwrap: async (wrapped: Uint8Array) => wrapped,
    }
    await using store = await openDocumentStore('memory:', { encryption: { keys: [service] } })
    const docs = store.collection('docs', { encrypt: true })
    await assert.rejects(docs.put('x', {}), { code: 'UNAVAILABLE', reason: 'MASTER_KEY_UNAVAILABLE' })
    down = false
    assert.equal((await docs.put('x', {})).version, 1)
  })
})

describe('a key ring', () => {
  it('reads a tenant’s keys once for all who ask at the same moment', async () => {
    const keys = new MemoryKeys()
    let reads = 0
    const list = keys.list.bind(keys)
    keys.list = (tenant) => {
      reads += 1
      return list(tenant)
    }
    const source = new KeyRing(keys, new MasterKeys({ keys: [{ id: 'a', secret }] })).source('acme')
    await source()
    reads = 0
    await Promise.all(Array.from({ length: 50 }, () => source()))
    assert.equal(reads, 0)
  })
})

describe('a store without keys', () => {
  it('says so when something is encrypted', async () => {
    await using store = await openDocumentStore('memory:')
    const missing = { code: 'FAILED_PRECONDITION', reason: 'ENCRYPTION_NOT_CONFIGURED' }
    assert.throws(() => store.collection('people', { encrypt: true }), missing)
    assert.throws(() => store.log('notes', { encrypt: true }), missing)
    await assert.rejects(store.encryption.shredTenant('x'), missing)
    assert.throws(() => store.collection('people'), missing)
  })
})
