import { HoldfastError } from '@holdfast/errors'
import type { IndexDefinition, IndexOperations } from '../../backend.js'
import type { IndexReport, IndexState, MissingIndex, QueryShape } from '../../index-report.js'
import type { Schema } from '../schema.js'
import { declarationIn } from '../collection-ddl.js'
import type { SqlDriver } from '../driver.js'
import { heldLeases, type IndexBuilder, leaseName } from './builder.js'
import { findIndexes, type FoundIndex } from './catalog.js'
import { indexName } from './index-sql.js'
import { missingIndex, type QueryShapes } from './query-shapes.js'
import { keepShapes, keptShapes, mergeShapes } from './kept-shapes.js'

/** Compares what is declared (`holdfast.relations`) with what is there (the server's catalogs). */
export class SqlIndexes implements IndexOperations {
  readonly #driver: SqlDriver
  readonly #builder: IndexBuilder
  readonly #shapes: QueryShapes

  constructor(driver: SqlDriver, { indexes, shapes }: Schema) {
    this.#driver = driver
    this.#builder = indexes
    this.#shapes = shapes
  }

  async report(collection?: string): Promise<IndexReport> {
    const declared = await this.#declared(collection)
    const found = new Map((await findIndexes(this.#driver, collection)).map((index) => [index.name, index]))
    const leases = await heldLeases(this.#driver)
    const states: IndexState[] = []
    for (const [name, indexes] of declared) {
      for (const index of indexes) {
        const its = indexName(name, index)
        states.push(
          this.#state(name, its, index, found.get(its), statusOf(found.get(its), leases.has(leaseName(name)))),
        )
        found.delete(its)
      }
    }
    for (const index of found.values()) {
      states.push(this.#state(index.collection, index.name, definitionIn(index), index, 'undeclared'))
    }
    const shapes = mergeShapes([...(await keptShapes(this.#driver, collection)), ...this.#shapes.seen])
    return {
      indexes: states.sort((a, b) => (`${a.collection} ${a.name}` < `${b.collection} ${b.name}` ? -1 : 1)),
      missing: missingOf(
        shapes.filter((shape) => collection === undefined || shape.collection === collection),
        declared,
      ),
    }
  }

  built(): Promise<void> {
    return this.#builder.built()
  }

  async drop(name: string): Promise<void> {
    const found = (await findIndexes(this.#driver)).find((index) => index.name === name)
    if (found === undefined) throw new HoldfastError('NOT_FOUND', `No collection has an index ${name}: see the report`)
    const declared = (await this.#declared(found.collection)).get(found.collection) ?? []
    if (declared.some((index) => indexName(found.collection, index) === name)) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `The index ${name} is declared for ${found.collection}: take it out of the declaration and start that program first`,
        { reason: 'INDEX_DECLARED' },
      )
    }
    await this.#builder.drop(name)
  }

  /** Ends builds, and leaves for other processes what queries without an index have cost this one. */
  async close(): Promise<void> {
    await this.#builder.close()
    const shapes = this.#shapes.take()
    if (shapes.length === 0) return
    const missing = missingOf(shapes, await this.#declared())
    await keepShapes(this.#driver, missing)
  }

  async #declared(collection?: string): Promise<Map<string, readonly IndexDefinition[]>> {
    const rows = await this.#driver.query({
      text: `select name, definition from holdfast.relations where kind = 'collection' and ($1::text is null or name = $1::text)
        order by name`,
      values: [collection ?? null],
      readOnly: true,
    })
    return new Map(rows.map(([name, definition]) => [String(name), declarationIn(String(definition)).indexes]))
  }

  #state(
    collection: string,
    name: string,
    definition: IndexDefinition | undefined,
    found: FoundIndex | undefined,
    status: IndexState['status'],
  ): IndexState {
    const unique = definition?.unique ?? found?.unique === true
    const failure = this.#builder.failure(name)
    return {
      collection,
      name,
      on: definition?.on.map((path) => path.join('.')) ?? [],
      kind: kindOf(definition, found),
      unique,
      partial: definition === undefined ? found?.partial === true : definition.where !== undefined,
      status,
      ...(found === undefined ? {} : { sizeBytes: found.sizeBytes }),
      ...(found?.scans === undefined ? {} : { scans: found.scans }),
      unused: status === 'ready' && !unique && found?.scans === 0,
      ...(failure === undefined ? {} : { error: failure instanceof Error ? failure.message : 'failed' }),
    }
  }
}

/** @param isBuilding a process builds indexes of the collection */
function statusOf(found: FoundIndex | undefined, isBuilding: boolean): IndexState['status'] {
  if (found?.valid === true) return 'ready'
  if (found?.underWay === true || isBuilding) return 'building'
  return found === undefined ? 'missing' : 'invalid'
}

function missingOf(
  shapes: readonly QueryShape[],
  declared: ReadonlyMap<string, readonly IndexDefinition[]>,
): MissingIndex[] {
  return shapes
    .map((shape) => missingIndex(shape, declared.get(shape.collection) ?? []))
    .filter((missing) => missing !== undefined)
    .sort((a, b) => b.totalMs - a.totalMs)
}

function kindOf(definition: IndexDefinition | undefined, found: FoundIndex | undefined): IndexState['kind'] {
  if (definition?.text !== undefined) return 'text'
  return definition?.array === true || (definition === undefined && found?.gin === true) ? 'array' : 'fields'
}

function definitionIn({ comment }: FoundIndex): IndexDefinition | undefined {
  if (comment === undefined) return undefined
  try {
    const parsed = JSON.parse(comment) as IndexDefinition
    return Array.isArray(parsed.on) ? parsed : undefined
  } catch {
    return undefined
  }
}
