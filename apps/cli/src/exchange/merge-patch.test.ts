import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@holdfast/session'
import { openConversationStore } from '@holdfast/session'
import { openDocumentStore } from '@holdfast/persistence'
import * as fc from 'fast-check'
import { canonicalJson } from './canonical-json.js'
import { mergePatchBetween } from './merge-patch.js'

const json = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  object: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor', '1'), tie('value'), { maxKeys: 3 }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.boolean(),
    fc.integer(),
    fc.array(fc.jsonValue(), { maxLength: 2 }),
    tie('object'),
  ),
})).object as fc.Arbitrary<JsonObject>

test('makes one state into another when a conversation is patched with it', async () => {
  await using store = await openDocumentStore('memory:')
  await using conversations = await openConversationStore(store, { maintenanceIntervalMs: 0 })
  await fc.assert(
    fc.asyncProperty(json, json, async (from, to) => {
      const { id } = await conversations.create()
      await conversations.patchState(id, from)
      const patch = mergePatchBetween(from, to)
      if (patch === undefined) assert.equal(canonicalJson(from), canonicalJson(to))
      else await conversations.patchState(id, patch)
      const { state } = await conversations.state(id)
      assert.equal(canonicalJson(state), canonicalJson(to))
    }),
    { numRuns: 200 },
  )
})

test('is nothing between equal states, whatever the order of their keys', () => {
  assert.equal(mergePatchBetween({ a: { b: 1, c: [1] } }, { a: { c: [1], b: 1 } }), undefined)
})
