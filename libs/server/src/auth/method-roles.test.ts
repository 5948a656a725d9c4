import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileDescriptors } from '@holdfast/protocol'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { methodRoles, roleFor } from './method-roles.js'

/** All methods of proto/, as `holdfast.chat.v1.ChatService/SendMessage`. */
function allMethods(): string[] {
  // A FileDescriptorSet is its files, each as field 1.
  const set = Buffer.concat(fileDescriptors().flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]))
  const found = Object.values(loadFileDescriptorSetFromBuffer(set)).filter((one) => !('format' in one))
  return found.flatMap((service) => Object.values(service).map(({ path }) => String(path).slice(1)))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

describe('the roles of methods', () => {
  it('are declared for every method of proto/, and for nothing else', () => {
    const declared = Object.entries(methodRoles).flatMap(([service, methods]) =>
      Object.keys(methods).map((method) => `${service}/${method}`),
    )
    const all = allMethods()
    assert.ok(all.length > 60)
    assert.deepEqual([...declared].sort(), [...all].sort())
  })

  it('are nobody’s for what is not declared', () => {
    assert.equal(roleFor('holdfast.chat.v1.ChatService/SendMessage'), 'writer')
    for (const method of ['holdfast.chat.v1.ChatService/toString', 'x.Y/Z', 'constructor/name', '']) {
      assert.equal(roleFor(method), undefined, method)
    }
  })
})
