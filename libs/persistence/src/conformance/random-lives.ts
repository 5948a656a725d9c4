import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import * as fc from 'fast-check'
import type { Collection, Document } from '../document-store.js'
import type { Suite } from './suite.js'

/** `short`: it has ended before the next call. */
type Ttl = 'default' | 'never' | 'long' | 'short'

type Step =
  | { readonly call: 'put' | 'insert' | 'update' | 'upsert'; readonly id: string; readonly ttl: Ttl }
  | { readonly call: 'delete'; readonly id: string }
  | { readonly call: 'restore'; readonly id: string }
  | { readonly call: 'sweep' }

interface Data {
  readonly n: number
}

/** What a row is, told by the documented rules alone. */
interface Row {
  version: number
  n: number
  lives: 'for ever' | 'long' | 'no more'
  removed: boolean
}

const longMs = 3_600_000
const ttls = { default: undefined, never: null, long: longMs, short: 1 } as const

const id = fc.constantFrom('a', 'b')
const ttl = fc.constantFrom<Ttl>('default', 'default', 'never', 'long', 'short')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ call: fc.constantFrom('put', 'insert', 'update', 'upsert'), id, ttl }),
    weight: 8,
  },
  { arbitrary: fc.record({ call: fc.constantFrom('delete', 'restore'), id }), weight: 4 },
  { arbitrary: fc.constant({ call: 'sweep' as const }), weight: 1 },
)

export function testRandomLives(suite: Suite): void {
  const kinds = [
    { name: 'conformance-lives', options: {} },
    { name: 'conformance-lives-timed', options: { ttlMs: longMs } },
    { name: 'conformance-lives-soft', options: { softDelete: true } },
    { name: 'conformance-lives-both', options: { ttlMs: longMs, softDelete: true } },
  ]
  const runs = Math.ceil(suite.cases / 15)

  describe('lives of documents', () => {
    for (const { name, options } of kinds) {
      it(`go as told, whatever happens (${name}, ${runs} cases, seed ${suite.seed})`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 16 }), async (steps) => {
            const docs = suite.tenant().collection<Data>(name, options)
            const model = new Model(options)
            for (const one of steps) {
              const [told, happened] = [model.run(one), await run(suite, docs, one)]
              assert.deepEqual(happened, told, JSON.stringify(one))
              if (!('id' in one)) continue
              assert.deepEqual(seen(await docs.get(one.id)), model.get(one.id), JSON.stringify(one))
            }
            const all = (await docs.find().toArray()).map((document) => [document.id, seen(document)])
            assert.deepEqual(all, model.all())
            assert.equal(await docs.count(), all.length)
          }),
          { numRuns: runs, seed: suite.seed },
        )
      })
    }
  })
}

async function run(suite: Suite, docs: Collection<Data>, step: Step): Promise<unknown> {
  try {
    switch (step.call) {
      case 'sweep':
        await suite.store.sweep()
        return undefined
      case 'delete':
        return await docs.deleteOne(step.id)
      case 'restore':
        return seen(await docs.restore(step.id))
      default:
        break
    }
    const ttlMs = ttls[step.ttl]
    const lifetime = ttlMs === undefined ? {} : { ttlMs }
    const document = await {
      put: () => docs.put(step.id, { n: 1 }, lifetime),
      insert: () => docs.insertOne({ n: 1 }, { ...lifetime, id: step.id }),
      update: () => docs.updateOne(step.id, { $inc: { n: 1 } }, lifetime),
      upsert: () => docs.updateOne(step.id, { $inc: { n: 1 } }, { ...lifetime, upsert: true }),
    }[step.call]()
    if (step.ttl === 'short' && document?.expiresAt !== undefined) {
      while ((await suite.store.now()) <= document.expiresAt) await delay(2)
    }
    return document === undefined ? undefined : { version: document.version, n: document.data.n }
  } catch (error) {
    if (error instanceof HoldfastError) return error.reason
    throw error
  }
}

function seen(document: Document<Data> | undefined): unknown {
  if (document === undefined) return undefined
  const lives = document.expiresAt === undefined ? 'for ever' : 'long'
  return { version: document.version, n: document.data.n, lives }
}

class Model {
  readonly #rows = new Map<string, Row>()
  readonly #default: Row['lives']
  readonly #isSoft: boolean

  constructor(options: { readonly ttlMs?: number; readonly softDelete?: boolean }) {
    this.#default = options.ttlMs === undefined ? 'for ever' : 'long'
    this.#isSoft = options.softDelete === true
  }

  get(id: string): unknown {
    const row = this.#visible(id)
    return row === undefined ? undefined : { version: row.version, n: row.n, lives: row.lives }
  }

  all(): unknown[] {
    return [...this.#rows.keys()].sort().flatMap((id) => (this.#visible(id) === undefined ? [] : [[id, this.get(id)]]))
  }

  run(step: Step): unknown {
    if (step.call === 'sweep') {
      for (const [id, row] of this.#rows) if (row.lives === 'no more' && !row.removed) this.#rows.delete(id)
      return undefined
    }
    const { id } = step
    const row = this.#rows.get(id)
    const visible = this.#visible(id)
    if (step.call === 'delete') {
      if (visible === undefined) return false
      if (this.#isSoft) visible.removed = true
      else this.#rows.delete(id)
      return true
    }
    if (step.call === 'restore') {
      if (row?.removed !== true) return undefined
      row.removed = false
      row.version += 1
      return this.get(id)
    }
    if (row?.removed === true) return 'DOCUMENT_REMOVED'
    if (step.call === 'insert' && visible !== undefined) return 'ALREADY_EXISTS'
    if (step.call === 'update' && visible === undefined) return undefined
    const updates = (step.call === 'update' || step.call === 'upsert') && visible !== undefined
    const next: Row = {
      version: (row?.version ?? 0) + 1,
      n: updates ? visible.n + 1 : 1,
      lives: this.#livesAfter(step.ttl, updates ? visible.lives : undefined),
      removed: false,
    }
    this.#rows.set(id, next)
    return { version: next.version, n: next.n }
  }

  /** @param before of a document that is updated */
  #livesAfter(ttl: Ttl, before: Row['lives'] | undefined): Row['lives'] {
    if (ttl === 'default') return before ?? this.#default
    return ({ never: 'for ever', long: 'long', short: 'no more' } as const)[ttl]
  }

  #visible(id: string): Row | undefined {
    const row = this.#rows.get(id)
    return row === undefined || row.removed || row.lives === 'no more' ? undefined : row
  }
}
