import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EncryptedEntries } from '../encryption/encrypted-entries.js'
import { KeyRing } from '../encryption/key-ring.js'
import { MasterKeys } from '../encryption/master-keys.js'
import { MemoryKeys } from '../encryption/memory-keys.js'
import { LogHub } from '../log-hub.js'
import { LogLanes } from '../log-lanes.js'
import { createMemoryBackend } from '../memory/memory-backend.js'
import { CodedLog } from './coded-log.js'

describe('a tail of an encrypted log', () => {
  it('leaves nothing behind when an entry cannot be read', async () => {
    const backend = createMemoryBackend()
    const hub = new LogHub(backend)
    const ring = new KeyRing(new MemoryKeys(), new MasterKeys({ keys: [{ id: 'a', secret: Buffer.alloc(32, 3) }] }))
    const target = {
      name: 'notes',
      tenant: 'acme',
      operations: backend.logs,
      lanes: new LogLanes('notes', backend.logs, hub),
      hub,
      ready: () => backend.logs.ensure('notes'),
    }
    const encrypted = new EncryptedEntries('notes', 'acme', ring.source('acme'))
    const log = new CodedLog<number>(target, { schema: undefined, encrypted })
    await log.append('s', [{ data: 1 }])
    await ring.destroy('acme')
    const follow = async () => {
      for await (const entry of log.tail('s')) assert.fail(JSON.stringify(entry))
    }
    await assert.rejects(follow(), { reason: 'KEY_SHREDDED' })
    assert.equal(hub.tails, 0)
    hub.close()
    await backend.close()
  })
})
