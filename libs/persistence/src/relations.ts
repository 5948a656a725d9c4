import { HoldfastError } from '@holdfast/errors'
import type { Backend, CollectionSpec } from './backend.js'
import { mergeSpecs, parseCollectionOptions } from './collection-options.js'
import type { CollectionOptions } from './document-store.js'

const noSpec: CollectionSpec = { indexes: [] }

interface Relation {
  spec: CollectionSpec
  made: boolean
  underWay: Promise<void> | undefined
}

/** Which collections and logs this process has made sure of: the first call on one makes its tables, later ones cost nothing. */
export class Relations {
  readonly #backend: Backend
  readonly #relations = new Map<string, Relation>()

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Notes what is declared; @returns what to await before the first statement. */
  collection(name: string, options: CollectionOptions = {}): () => Promise<void> {
    const relation = this.#of(`collection:${name}`)
    const merged = mergeSpecs(relation.spec, parseCollectionOptions(options))
    if (merged !== relation.spec) {
      relation.spec = merged
      relation.made = false
    }
    return () => this.#make(relation, () => this.#backend.documents.ensure(name, relation.spec))
  }

  log(name: string): () => Promise<void> {
    const relation = this.#of(`log:${name}`)
    return () => this.#make(relation, () => this.#backend.logs.ensure(name))
  }

  /** The same inside a transaction, where tables cannot be made: notes what is missing and stops the transaction, which runs
   *  again once that has been made. */
  insideTransaction(
    missing: (() => Promise<void>)[],
    ready: () => Promise<void>,
    relation: string,
  ): () => Promise<void> {
    return async () => {
      if (this.#relations.get(relation)?.made === true) return
      missing.push(ready)
      throw relationMissing()
    }
  }

  #of(name: string): Relation {
    const known = this.#relations.get(name)
    if (known !== undefined) return known
    const relation: Relation = { spec: noSpec, made: false, underWay: undefined }
    this.#relations.set(name, relation)
    return relation
  }

  async #make(relation: Relation, ensure: () => Promise<void>): Promise<void> {
    while (!relation.made) {
      const declared = relation.spec
      relation.underWay ??= ensure()
        .then(() => {
          relation.made = relation.spec === declared
        })
        .finally(() => {
          relation.underWay = undefined
        })
      await relation.underWay
    }
  }
}

export function relationMissing(): HoldfastError {
  return new HoldfastError('ABORTED', 'Tables have to be made before the transaction: it runs again by itself', {
    reason: 'RELATION_MISSING',
  })
}
