import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend, IndexDefinition } from './backend.js'
import type { CollectionOptions } from './document-store.js'
import { checkOptions } from './options.js'
import { parseDataPath } from './query/field-path.js'

interface Relation {
  indexes: IndexDefinition[]
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

  /** Notes the declared indexes; @returns what to await before the first statement. */
  collection(name: string, options: CollectionOptions = {}): () => Promise<void> {
    const relation = this.#of(`collection:${name}`)
    checkOptions(options, ['indexes'])
    for (const index of parseIndexes(options.indexes)) {
      if (relation.indexes.some((known) => JSON.stringify(known) === JSON.stringify(index))) continue
      relation.indexes.push(index)
      relation.made = false
    }
    return () => this.#make(relation, () => this.#backend.documents.ensure(name, [...relation.indexes]))
  }

  log(name: string): () => Promise<void> {
    const relation = this.#of(`log:${name}`)
    return () => this.#make(relation, () => this.#backend.logs.ensure(name))
  }

  /** The same inside a transaction, where tables cannot be made: notes what is missing and stops the transaction, which runs
   *  again once `makeMissing` has made it. */
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
    const relation: Relation = { indexes: [], made: false, underWay: undefined }
    this.#relations.set(name, relation)
    return relation
  }

  async #make(relation: Relation, ensure: () => Promise<void>): Promise<void> {
    while (!relation.made) {
      const declared = relation.indexes.length
      relation.underWay ??= ensure()
        .then(() => {
          relation.made = relation.indexes.length === declared
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

function parseIndexes(indexes: CollectionOptions['indexes'] = []): IndexDefinition[] {
  if (!Array.isArray(indexes)) throw invalidField('indexes', 'must be an array')
  return indexes.map((specification: { on: unknown; unique?: unknown }, index) => {
    checkOptions(specification, ['on', 'unique'])
    const { on, unique = false } = specification
    const paths = Array.isArray(on) ? (on as unknown[]) : [on]
    if (paths.length === 0) throw invalidField(`indexes[${index}].on`, 'must name a field')
    if (typeof unique !== 'boolean') throw invalidField(`indexes[${index}].unique`, 'must be a boolean')
    const fields = paths.map((path) => {
      if (typeof path !== 'string') throw invalidField(`indexes[${index}].on`, 'must be a field path or several')
      return parseDataPath(path, `indexes[${index}].on`)
    })
    return { on: fields, unique }
  })
}
