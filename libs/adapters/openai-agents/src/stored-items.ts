import { randomUUID } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { Log, Scope, TenantStore } from '@holdfast/persistence'
import { countRepeated, namesCall, sameItems } from './repeated-items.js'

/** `item`: its JSON. Null: it was taken back, only its place is left. */
interface StoredItem {
  readonly item: string | null
}

interface FoundItem {
  readonly seq: number
  readonly item: string
}

export interface SuffixChange {
  /** What the history must end with. */
  readonly expected: readonly string[]
  readonly replacement: readonly string[]
}

const maxRaces = 100
const maxPage = 10_000
/** Read beyond what is asked for, so that a few places of items that were taken back cost no second read. */
const spare = 8

/** The items of one session as entries of a stream. */
export class StoredItems {
  readonly #store: TenantStore
  readonly #log: string
  readonly #stream: string

  constructor(store: TenantStore, log: string, stream: string) {
    this.#store = store
    this.#log = log
    this.#stream = stream
  }

  /** The newest `count`, oldest first, as of one moment. */
  async latest(count: number): Promise<string[]> {
    return (await this.#latest(count)).map(({ item }) => item)
  }

  /** All in one commit, except those that repeat the end of what is there. */
  async add(items: readonly string[]): Promise<void> {
    const log = this.#entries(this.#store)
    if (!items.some(namesCall)) {
      await log.append(this.#stream, entriesOf(items))
      return
    }
    for (let race = 0; race < maxRaces; race += 1) {
      // Before the items are read: whatever comes later makes the append fail.
      const { next } = await log.head(this.#stream)
      const fresh = items.slice(countRepeated(await this.latest(items.length), items))
      if (fresh.length === 0) return
      try {
        await log.append(this.#stream, entriesOf(fresh), { ifNext: next })
        return
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'ABORTED') throw error
      }
    }
    throw new HoldfastError('ABORTED', 'The agent session is written by too many runs at once: try again', {
      reason: 'CONTENTION',
    })
  }

  /** The newest item, erased. */
  async pop(): Promise<string | undefined> {
    let last: FoundItem | undefined
    // With a key: a connection that is lost at the commit takes one item, not two. The item stays out of the result, which is stored.
    const seq = await this.#store.transaction(
      async (tx) => {
        ;[last] = await this.#read(tx, 1)
        if (last !== undefined) await this.#erase(tx, last)
        return last?.seq ?? null
      },
      { key: randomUUID() },
    )
    return seq === last?.seq ? last?.item : undefined
  }

  async clear(): Promise<void> {
    await this.#entries(this.#store).trim(this.#stream, { keepLast: 0 })
  }

  /** Everything else goes. */
  async replaceAll(items: readonly string[]): Promise<void> {
    await this.#store.transaction(
      async (tx) => {
        const log = this.#entries(tx)
        await log.trim(this.#stream, { keepLast: 0 })
        await log.append(this.#stream, entriesOf(items))
      },
      { key: randomUUID() },
    )
  }

  /** @param start called for each run of the transaction, for a function that says what becomes of an item: its text, or null (it goes) */
  async rewrite(start: () => (item: string) => string | null): Promise<void> {
    await this.#store.transaction(async (tx) => {
      const change = start()
      for (const found of await this.#read(tx, Number.POSITIVE_INFINITY)) {
        const item = change(found.item)
        if (item === null) await this.#erase(tx, found)
        else if (item !== found.item) await this.#entries(tx).amend(this.#stream, found.seq, { item }, { forget: true })
      }
    })
  }

  /** Once under its key. @returns the digest of the change that took effect: another one's, if the key was used before */
  async changeSuffix({ expected, replacement }: SuffixChange, key: string, digest: string): Promise<string> {
    return this.#store.transaction(
      async (tx) => {
        const end = expected.length === 0 ? [] : await this.#read(tx, expected.length)
        const texts = end.map(({ item }) => item)
        if (!sameItems(texts, expected)) {
          throw new HoldfastError(
            'FAILED_PRECONDITION',
            'The agent session ends otherwise than the change expects: read it again',
            {
              reason: 'HISTORY_CHANGED',
            },
          )
        }
        for (const found of end) await this.#erase(tx, found)
        await this.#entries(tx).append(this.#stream, entriesOf(replacement))
        return digest
      },
      { key },
    )
  }

  /** With a tombstone: whoever comes late cannot add any more. */
  async remove(): Promise<void> {
    const log = this.#entries(this.#store)
    await log.create(this.#stream)
    await log.remove(this.#stream)
  }

  async #latest(count: number): Promise<FoundItem[]> {
    const size = Math.min(count + spare, maxPage)
    const page = await this.#page(this.#store, size)
    const found = page.flatMap(foundOf)
    if (page.length < size || found.length >= count) return found.slice(0, count).toReversed()
    return this.#store.transaction((tx) => this.#read(tx, count))
  }

  /** In pages, which only a transaction makes one picture of. */
  async #read(tx: Scope, count: number): Promise<FoundItem[]> {
    const size = Math.min(count + spare, maxPage)
    const found: FoundItem[] = []
    let before: number | undefined
    for (;;) {
      const page = await this.#page(tx, size, before)
      found.push(...page.flatMap(foundOf))
      if (page.length < size || found.length >= count) return found.slice(0, count).toReversed()
      before = page.at(-1)?.seq
    }
  }

  #page(scope: Scope, limit: number, before?: number): ReturnType<Log<StoredItem>['read']> {
    const bound = before === undefined ? {} : { before }
    return this.#entries(scope).read(this.#stream, { ...bound, limit, reverse: true })
  }

  async #erase(tx: Scope, { seq }: FoundItem): Promise<void> {
    await this.#entries(tx).amend(this.#stream, seq, { item: null }, { forget: true })
  }

  #entries(scope: Scope): Log<StoredItem> {
    return scope.log<StoredItem>(this.#log)
  }
}

/** With keys, by which an append of unknown outcome is resolved. */
function entriesOf(items: readonly string[]): { readonly key: string; readonly data: StoredItem }[] {
  const call = randomUUID()
  return items.map((item, index) => ({ key: `${call}:${index}`, data: { item } }))
}

function foundOf({ seq, data: { item } }: { readonly seq: number; readonly data: StoredItem }): FoundItem[] {
  return item === null ? [] : [{ seq, item }]
}
