import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import type { Collection } from '../contract/scope.js'
import { openDocumentStore } from '../open.js'
import type { StandardSchema } from './standard-schema.js'

interface Order {
  customer: string
  state: string
  items: { price: number }[]
}

const schemas: readonly (readonly [string, StandardSchema<Order>])[] = [
  [
    'zod',
    z.object({
      customer: z.string(),
      state: z.string().default('new'),
      items: z.array(z.object({ price: z.number() })),
    }),
  ],
  [
    'valibot',
    v.object({
      customer: v.string(),
      state: v.optional(v.string(), 'new'),
      items: v.array(v.object({ price: v.number() })),
    }),
  ],
  ['arktype', type({ customer: 'string', state: 'string = "new"', items: type({ price: 'number' }).array() })],
]

for (const [library, schema] of schemas) {
  describe(`a schema of ${library}`, () => {
    it('is enforced, with its defaults and its paths', async () => {
      await using store = await openDocumentStore('memory:')
      const orders: Collection<Order> = store.collection('orders', { schema })
      const made = await orders.put('a', { customer: 'Ada', items: [{ price: 1 }] } as Order)
      assert.deepEqual(made.data, { customer: 'Ada', state: 'new', items: [{ price: 1 }] })
      assert.deepEqual((await orders.get('a'))?.data, made.data)
      await assert.rejects(
        orders.updateOne('a', { $push: { items: { $each: [{ price: 2 }, { price: '3' }] } } }),
        (error) => error instanceof HoldfastError && error.fields[0]?.field === 'data.items[2].price',
      )
      const log = store.log('orders', { schema })
      const [entry] = await log.append('s', [{ data: { customer: 'Ada', items: [] } as unknown as Order }])
      assert.equal(entry?.data.state, 'new')
    })
  })
}

describe('the type of a collection', () => {
  it('is what its schema returns', async () => {
    await using store = await openDocumentStore('memory:')
    const users = store.collection('users', { schema: z.object({ name: z.string(), visits: z.number().default(0) }) })
    const { data } = await users.put('ada', { name: 'Ada', visits: 1 })
    const visits: number = data.visits
    assert.equal(visits, 1)
  })
})
