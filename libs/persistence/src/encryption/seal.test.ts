import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { open, seal } from './seal.js'

const key = createSecretKey(randomBytes(32))

describe('sealed content', () => {
  it('has another nonce every time', () => {
    const nonces = new Set<string>()
    for (let n = 0; n < 5_000; n += 1) nonces.add(seal(key, [], 'x').subarray(0, 12).toString('hex'))
    assert.equal(nonces.size, 5_000)
  })

  it('opens with its key in its place, and not when anything is different', () => {
    const place = ['document', 'acme', 'people', 'ada', 1]
    const sealed = seal(key, place, 'größe \0')
    assert.equal(open(key, place, sealed)?.toString('utf8'), 'größe \0')
    assert.equal(open(createSecretKey(randomBytes(32)), place, sealed), undefined)
    assert.equal(open(key, ['document', 'acme', 'people', 'bob', 1], sealed), undefined)
    assert.equal(open(key, ['document', 'acmepeople', 'ada', 1], sealed), undefined)
    assert.equal(open(key, place, sealed.subarray(0, 20)), undefined)
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(open(key, place, changed), undefined, `byte ${at}`)
    }
  })
})
