import { HoldfastError } from '@holdfast/errors'
import type { Backend, CollectionSpec } from './backend.js'
import { mergeSpecs, parseCollectionOptions } from './collection-options.js'
import type { CollectionOptions } from './contract/scope.js'
import { CollectionLife } from './expiry/collection-life.js'
import { parseRetention } from './expiry/retention.js'
import type { LogRetention } from './expiry/upkeep-operations.js'

const noSpec: CollectionSpec = { indexes: [] }

interface Relation {
  spec: CollectionSpec
  retention: LogRetention | undefined
  made: boolean
  underWay: Promise<void> | undefined
}

/** Which collections and logs this process has made sure of: the first call on one makes its tables, later ones cost nothing. */
export class Relations {
  readonly #backend: Backend
  readonly #relations = new Map<string, Relation>()

  readonly #onCollection: (name: string, spec: CollectionSpec) => void

  /** @param onCollection is told of every collection that was made sure of, with all that is declared of it */
  constructor(backend: Backend, onCollection: (name: string, spec: CollectionSpec) => void = () => {}) {
    this.#backend = backend
    this.#onCollection = onCollection
  }

  /** Notes what is declared; @returns what to await before the first statement. */
  collection(name: string, options: CollectionOptions = {}): () => Promise<void> {
    const relation = this.#of(`collection:${name}`)
    declare(relation, parseCollectionOptions(options))
    return () => this.#make(relation, () => this.#ensureCollection(name, relation.spec))
  }

  async #ensureCollection(name: string, spec: CollectionSpec): Promise<void> {
    await this.#backend.documents.ensure(name, spec)
    await this.#backend.feeds.ensure(name, spec.feed)
    if (spec.subject !== undefined) await this.#backend.erasure.declareSubject(name, spec.subject)
    this.#onCollection(name, spec)
  }

  /** What is declared of the life of a collection's documents, and a way to declare more when a call asks for it. */
  life(name: string): CollectionLife {
    const relation = this.#of(`collection:${name}`)
    return new CollectionLife(
      () => relation.spec,
      (added) => declare(relation, { indexes: [], ...added }),
    )
  }

  /** The same for what was declared elsewhere; what this process declares of deletions goes before it. */
  declared(name: string, { softDelete, ...spec }: CollectionSpec): () => Promise<void> {
    const relation = this.#of(`collection:${name}`)
    const isOpen = softDelete !== undefined && relation.spec.softDelete === undefined
    declare(relation, isOpen ? { ...spec, softDelete } : spec)
    return () => this.#make(relation, () => this.#ensureCollection(name, relation.spec))
  }

  log(name: string, retain?: unknown): () => Promise<void> {
    const relation = this.#of(`log:${name}`)
    const retention = retain === undefined ? relation.retention : parseRetention(retain)
    if (JSON.stringify(retention) !== JSON.stringify(relation.retention)) {
      relation.retention = retention
      relation.made = false
    }
    return () =>
      this.#make(relation, async () => {
        await this.#backend.logs.ensure(name)
        if (relation.retention !== undefined) await this.#backend.upkeep.retain(name, relation.retention)
      })
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
    const relation: Relation = { spec: noSpec, retention: undefined, made: false, underWay: undefined }
    this.#relations.set(name, relation)
    return relation
  }

  async #make(relation: Relation, ensure: () => Promise<void>): Promise<void> {
    while (!relation.made) {
      const { spec, retention } = relation
      relation.underWay ??= ensure()
        .then(() => {
          relation.made = relation.spec === spec && relation.retention === retention
        })
        .finally(() => {
          relation.underWay = undefined
        })
      await relation.underWay
    }
  }
}

function declare(relation: Relation, added: CollectionSpec): void {
  const merged = mergeSpecs(relation.spec, added)
  if (merged === relation.spec) return
  relation.spec = merged
  relation.made = false
}

export function relationMissing(): HoldfastError {
  return new HoldfastError('ABORTED', 'Tables have to be made before the transaction: it runs again by itself', {
    reason: 'RELATION_MISSING',
  })
}
