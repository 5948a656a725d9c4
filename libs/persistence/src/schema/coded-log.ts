import { HoldfastError } from '@holdfast/errors'
import type { AppendOptions, Entry, HeldEntries, ReadOptions } from '../contract/log.js'
import type { EncryptedEntries } from '../encryption/encrypted-entries.js'
import { encodeJson } from '../json.js'
import { type LogTarget, StoredLog } from '../log.js'
import type { DataSchema } from './data-schema.js'

interface NewData<T> {
  readonly key?: string
  readonly data: T
}

export interface CodedLogOptions {
  readonly schema: DataSchema | undefined
  readonly encrypted: EncryptedEntries | undefined
}

/** A log whose entries have to fit a schema, or are encrypted, or both. */
export class CodedLog<T> extends StoredLog<T> {
  readonly #schema: DataSchema | undefined
  readonly #encrypted: EncryptedEntries | undefined

  constructor(target: LogTarget, { schema, encrypted }: CodedLogOptions) {
    super(target, encrypted !== undefined)
    this.#schema = schema
    this.#encrypted = encrypted
  }

  override async appendHeld(
    stream: string,
    entries: readonly NewData<T>[],
    options?: AppendOptions,
  ): Promise<HeldEntries<T>> {
    if (!Array.isArray(entries) || entries.some((entry) => typeof entry !== 'object' || entry === null)) {
      return super.appendHeld(stream, entries, options)
    }
    const accepted: NewData<T>[] = await Promise.all(
      entries.map(async (entry, index) => ({
        ...entry,
        data: await this.#accept(entry.data, `entries[${index}].data`),
      })),
    )
    const encrypted = this.#encrypted
    if (encrypted === undefined) return super.appendHeld(stream, accepted, options)
    const appended = await this.#appendEncrypted(encrypted, stream, accepted, options)
    return {
      ...appended,
      entries: await Promise.all(appended.entries.map((entry) => this.#decoded(stream, entry))),
    }
  }

  override async read(stream: string, options?: ReadOptions): Promise<Entry<T>[]> {
    const entries = await super.read(stream, options)
    return Promise.all(entries.map((entry) => this.#decoded(stream, entry)))
  }

  override tail(stream: string, options?: Parameters<StoredLog<T>['tail']>[1]): AsyncIterable<Entry<T>> {
    const entries = super.tail(stream, options)
    const decoded = (entry: Entry<T>) => this.#decoded(stream, entry)
    return {
      [Symbol.asyncIterator]() {
        const iterator = entries[Symbol.asyncIterator]()
        return {
          async next() {
            const result = await iterator.next()
            if (result.done === true) return result
            try {
              return { done: false, value: await decoded(result.value) }
            } catch (error) {
              // Whoever iterates does not return from an iteration that failed.
              await iterator.return?.()
              throw error
            }
          },
          // At once, also while an entry is waited for.
          async return() {
            await iterator.return?.()
            return { done: true, value: undefined }
          },
        }
      },
    }
  }

  override async amend(
    stream: string,
    seq: number,
    data: T,
    options?: Parameters<StoredLog<T>['amend']>[3],
  ): Promise<Entry<T> | undefined> {
    const accepted = await this.#accept(data, 'data')
    if (this.#encrypted === undefined) return super.amend(stream, seq, accepted, options)
    const [before] = await super.read(stream, { after: seq - 1, limit: 1 })
    if (before?.seq !== seq) return undefined
    const sealed = await this.#encrypted.encode({ ...placeOf(stream, before), random: true }, encodeJson(accepted))
    const amended = await super.amend(stream, seq, sealed as T, options)
    return amended === undefined ? undefined : { ...amended, data: accepted }
  }

  /** The database takes the same data for other data if it was encrypted with an older data key, so those are tried before a key
   *  is said to have other data. */
  async #appendEncrypted(
    encrypted: EncryptedEntries,
    stream: string,
    entries: readonly NewData<T>[],
    options: AppendOptions | undefined,
  ): Promise<HeldEntries<T>> {
    const texts = entries.map(({ data }, index) => encodeJson(data, `entries[${index}].data`))
    const encode = (index: number, number?: number) =>
      encrypted.encode({ stream, key: entries[index]?.key }, texts[index] ?? '', number)
    const sealed: unknown[] = await Promise.all(texts.map((_, index) => encode(index)))
    const older = new Map<number, number[]>()
    for (;;) {
      try {
        const call = entries.map((entry, index) => ({ ...entry, data: sealed[index] as T }))
        return await super.appendHeld(stream, call, options)
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.reason !== 'KEY_CONFLICT') throw error
        const index = Number(error.metadata['index'])
        const numbers = older.get(index) ?? [...(await encrypted.olderKeys())]
        older.set(index, numbers)
        const number = numbers.shift()
        if (number === undefined) throw error
        sealed[index] = await encode(index, number)
      }
    }
  }

  async #accept(data: T, at: string): Promise<T> {
    return this.#schema === undefined ? data : ((await this.#schema.accept(data, at)) as T)
  }

  async #decoded(stream: string, entry: Entry<T>): Promise<Entry<T>> {
    if (this.#encrypted === undefined) return entry
    const data = await this.#encrypted.decode(placeOf(stream, entry), entry.data)
    return { ...entry, data: data as T }
  }
}

function placeOf(stream: string, { key }: Entry<unknown>): { readonly stream: string; readonly key?: string } {
  return key === undefined ? { stream } : { stream, key }
}
