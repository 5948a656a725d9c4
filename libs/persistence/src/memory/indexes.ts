import { HoldfastError } from '@holdfast/errors'
import type { IndexDefinition, IndexOperations } from '../backend.js'
import type { IndexReport, IndexState } from '../index-report.js'
import { indexName } from '../sql/indexes/index-sql.js'

/** In memory every query reads everything. Unique ones are kept by MemoryDocuments. */
export class MemoryIndexes implements IndexOperations {
  readonly #declared: () => ReadonlyMap<string, readonly IndexDefinition[]>

  constructor(declared: () => ReadonlyMap<string, readonly IndexDefinition[]>) {
    this.#declared = declared
  }

  async report(collection?: string): Promise<IndexReport> {
    const states = [...this.#declared()].flatMap(([name, indexes]) => indexes.map((index) => stateOf(name, index)))
    return {
      indexes: states
        .filter((state) => collection === undefined || state.collection === collection)
        .sort((a, b) => (`${a.collection} ${a.name}` < `${b.collection} ${b.name}` ? -1 : 1)),
      missing: [],
    }
  }

  async built(): Promise<void> {
    // Nothing is built in the background.
  }

  async drop(name: string): Promise<void> {
    const declared = [...this.#declared()].flatMap(([collection, indexes]) =>
      indexes.map((index) => stateOf(collection, index)),
    )
    if (!declared.some((state) => state.name === name)) {
      throw new HoldfastError('NOT_FOUND', `No collection has an index ${name}: see the report`)
    }
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The index ${name} is declared: take it out of the declaration first`,
      {
        reason: 'INDEX_DECLARED',
      },
    )
  }
}

function stateOf(collection: string, index: IndexDefinition): IndexState {
  return {
    collection,
    name: indexName(collection, index),
    on: index.on.map((path) => path.join('.')),
    kind: index.text === undefined ? (index.array === true ? 'array' : 'fields') : 'text',
    unique: index.unique,
    partial: index.where !== undefined,
    status: 'ready',
    unused: false,
  }
}
