import type { Collection, TenantStore } from '@holdfast/persistence'
import { contentHash } from '../graph/graph-version.js'
import type { Json, JsonObject } from '../graph/graph.js'
import type { Outputs } from '../run/events.js'

interface Entry {
  readonly outputs?: Outputs
  /** Where outputs are that are large. */
  readonly blob?: string
  /** Milliseconds since 1970. */
  readonly until: number
}

const collection = 'dag-cache'
const lifeMs = 30 * 86_400_000
const sweepMs = 3_600_000
const inlineLength = 64 * 1024
/** Names in outputs beyond these are not looked at. */
const maxLinks = 1_000

/** Keeps the outputs of nodes that say `cache: true`, by the hash of their type and their input. An entry links the blobs that its outputs name, so that
 *  they are there as long as it is: artifacts go by the hashes of their bytes. */
export class NodeCache {
  readonly #store: TenantStore
  readonly #entries: Collection<Entry>

  #sweptAt = performance.now()

  constructor(store: TenantStore) {
    this.#store = store
    this.#entries = store.collection(collection, { indexes: [{ on: 'until' }] })
  }

  /** Once an hour, whoever calls it how often: entries live for weeks. */
  sweepSometimes(): void {
    if (performance.now() - this.#sweptAt < sweepMs) return
    this.#sweptAt = performance.now()
    // What fails is tried again with the next one.
    void this.sweep().catch(() => undefined)
  }

  static key(type: string, input: JsonObject): string {
    return contentHash({ type, input })
  }

  async find(key: string): Promise<Outputs | undefined> {
    const { data } = (await this.#entries.get(key)) ?? {}
    if (data === undefined || data.until <= Date.now()) return undefined
    if (data.blob === undefined) return data.outputs
    return JSON.parse((await this.#store.blobs.bytes(data.blob)).toString()) as Outputs
  }

  async keep(key: string, outputs: Outputs): Promise<void> {
    const text = JSON.stringify(outputs)
    const { blobs } = this.#store
    const large = text.length <= inlineLength ? undefined : await blobs.put(Buffer.from(text), jsonType)
    const named = await Promise.all(hashesIn(outputs).map((hash) => blobs.stat(hash)))
    const hashes = [large, ...named].flatMap((blob) => (blob === undefined ? [] : [blob.hash]))
    const until = Date.now() + lifeMs
    const entry: Entry = large === undefined ? { outputs, until } : { blob: large.hash, until }
    if (hashes.length === 0) return void (await this.#entries.put(key, entry))
    await this.#store.transaction(async (tx) => {
      await tx.collection<Entry>(collection).put(key, entry)
      await tx.blobs.unlinkAll({ collection, id: key })
      for (const hash of hashes) await tx.blobs.link(hash, { collection, id: key })
    })
  }

  /** Deletes what is over, with its links. @returns how many */
  async sweep(): Promise<number> {
    let deleted = 0
    for await (const { id, version } of this.#entries.find({ until: { $lte: Date.now() } })) {
      await this.#store.transaction(async (tx) => {
        if (await tx.collection<Entry>(collection).deleteOne(id, { ifVersion: version }))
          await tx.blobs.unlinkAll({ collection, id })
      })
      deleted += 1
    }
    return deleted
  }
}

const jsonType = { contentType: 'application/json' }

/** What may be the hash of a blob: 64 hexadecimal digits. */
function hashesIn(value: Json): string[] {
  const found = new Set<string>()
  const look = (one: Json) => {
    if (found.size >= maxLinks) return
    if (typeof one === 'string') {
      if (/^[0-9a-f]{64}$/.test(one)) found.add(one)
    } else if (typeof one === 'object' && one !== null) for (const member of Object.values(one)) look(member)
  }
  look(value)
  return [...found]
}
