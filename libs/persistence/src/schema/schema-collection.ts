import type { CollectionTarget } from '../collection-target.js'
import { StoredCollection } from '../collection.js'
import type { Document, LifetimeOptions } from '../contract/document.js'
import type { LoadItem, LoadOptions, LoadReport } from '../transfer/load.js'
import type { DataSchema } from './data-schema.js'

/** A collection whose data has to fit a schema. What updates lead to is checked by its access (coded-documents.ts). */
export class SchemaCollection<T> extends StoredCollection<T> {
  readonly #schema: DataSchema

  constructor(target: CollectionTarget, schema: DataSchema) {
    super(target)
    this.#schema = schema
  }

  override async insertOne(data: T, options?: Parameters<StoredCollection<T>['insertOne']>[1]): Promise<Document<T>> {
    return super.insertOne(await this.#accept(data, 'data'), options)
  }

  override async insertMany(
    items: Parameters<StoredCollection<T>['insertMany']>[0],
    options?: LifetimeOptions,
  ): Promise<Document<T>[]> {
    if (!Array.isArray(items)) return super.insertMany(items, options)
    const accepted = items.map(async (item, index) => ({
      ...item,
      data: await this.#accept(item.data, `items[${index}].data`),
    }))
    return super.insertMany(await Promise.all(accepted), options)
  }

  override async put(id: string, data: T, options?: Parameters<StoredCollection<T>['put']>[2]): Promise<Document<T>> {
    return super.put(id, await this.#accept(data, 'data'), options)
  }

  override load(items: Iterable<LoadItem<T>> | AsyncIterable<LoadItem<T>>, options?: LoadOptions): Promise<LoadReport> {
    return super.load(this.#acceptEach(items), options)
  }

  async #accept(data: T, at: string): Promise<T> {
    return (await this.#schema.accept(data, at)) as T
  }

  async *#acceptEach(items: Iterable<LoadItem<T>> | AsyncIterable<LoadItem<T>>): AsyncGenerator<LoadItem<T>> {
    let index = 0
    for await (const item of items) {
      yield { ...item, data: await this.#accept(item.data, `items[${index}].data`) }
      index += 1
    }
  }
}
