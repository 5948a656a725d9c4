import { randomBytes } from 'node:crypto'
import type { Entry } from '@holdfast/persistence'
import { HoldfastError } from '@holdfast/errors'
import type { EpochTrust } from '../cache/epoch-trust.js'
import { CacheCounter } from '../cache/cache-telemetry.js'
import { leaseMs, maxAgeMs } from '../cache/session-cache.js'
import type { StoreContext } from '../context.js'
import type { MessageRecord } from '../shapes.js'
import { type HeldHistory, type Histories, loadHeldHistory, loadHistory, storedMessage } from './histories.js'
import type { HistoryAnswer, HistoryCache } from './history-cache.js'
import { historyText } from './history-entry.js'
import { type HistoryRange, messagesWithin, reaches, type StoredHistory, type StoredMessage } from './history.js'

/** How long to wait for somebody else's fill, step by step, before its lease is taken over. */
const waitsMs = [2, 4, 8, 16, 32, 64, 128]
/** An entry is gone before appends stop telling of it: it lives this long from when its lease was taken, by the cache's clock, and as long again
 *  is for clocks that do not run alike. */
const holdMs = 2 * (leaseMs + maxAgeMs)
const maxAttempts = 8
const maxSeen = 100_000

/** Reads through the cache, and tells it of every change, by the protocol of docs/decisions/0017-cache-protocol.md and, as far as the entry is more
 *  than a value, docs/decisions/0023-cached-histories.md. */
export class CachedHistories implements Histories {
  readonly #context: Pick<StoreContext, 'store' | 'shapes'>
  readonly #cache: HistoryCache
  readonly #trust: EpochTrust
  readonly #counter = new CacheCounter('conversations')
  readonly #onClose: () => Promise<void>
  readonly #seen = new SeenHistories()
  #thisTick = new Map<string, Promise<StoredHistory | undefined>>()

  constructor(
    context: Pick<StoreContext, 'store' | 'shapes'>,
    cache: HistoryCache,
    trust: EpochTrust,
    onClose: () => Promise<void>,
  ) {
    this.#context = context
    this.#cache = cache
    this.#trust = trust
    this.#onClose = onClose
  }

  /** Reads of the same moment are one. None joins a read that is on its way: that one may have seen what was there before a write
   *  that this caller knows of. */
  read(id: string, atLeast: number): Promise<StoredHistory | undefined> {
    const name = `${atLeast} ${id}`
    const known = this.#thisTick.get(name)
    if (known !== undefined) return known
    if (this.#thisTick.size === 0) {
      process.nextTick(() => {
        this.#thisTick = new Map()
      })
    }
    const read = this.#read(id, atLeast)
    this.#thisTick.set(name, read)
    return read
  }

  async messages(id: string, range: HistoryRange): Promise<StoredMessage[] | undefined> {
    // One at least, because while the cache is away it is the database that is asked, and a log is not asked for none.
    const history = await this.read(id, 1)
    return history === undefined ? undefined : messagesWithin(history, range)
  }

  async #read(id: string, atLeast: number): Promise<StoredHistory | undefined> {
    const epoch = this.#trust.current() ?? (await this.#trust.fresh())
    const answer = epoch === undefined ? undefined : await this.#cache.get(epoch, id).catch(() => undefined)
    if (answer === undefined) {
      this.#counter.count('away')
      return this.#load(id, atLeast)
    }
    const isHit = this.#isUsable(id, answer)
    this.#counter.count(isHit ? 'hit' : 'miss')
    return isHit ? this.#reaching(id, answer, atLeast) : this.#readMissed(id, atLeast)
  }

  async #readMissed(id: string, atLeast: number): Promise<StoredHistory | undefined> {
    const token = randomBytes(9).toString('base64url')
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const epoch = this.#trust.current() ?? (await this.#trust.fresh())
      if (epoch === undefined) return this.#load(id, atLeast)
      let history: StoredHistory | undefined
      try {
        const answer = await this.#lease(epoch, id, token)
        if (this.#isUsable(id, answer)) return await this.#reaching(id, answer, atLeast)
        const held = await this.#loadHeld(id, Math.max(atLeast, this.#cache.maxMessages))
        history = held.history
        // Nothing is kept of what is not there, so that who creates it need not tell.
        const isKept = answer.kind === 'miss' && held.isHeld && history !== undefined && isFollowed(history)
        if (!isKept || history === undefined) await this.#cache.forget(epoch, id)
        else {
          const text = historyText(history, this.#cache.maxMessages, this.#cache.maxBytes / 2)
          await this.#cache.fill(epoch, id, token, text)
        }
      } catch (error) {
        if (!isAway(error)) throw error
        // This process uses the cache again only under another epoch.
        return history ?? this.#load(id, atLeast)
      }
      if (this.#trust.current() === epoch) return history
    }
    throw new HoldfastError('ABORTED', `The cache changes its epoch too often to read conversation ${id}: try again`, {
      reason: 'CACHE_UNSTEADY',
      retryAfterMs: 1_000,
    })
  }

  async #lease(epoch: number, id: string, token: string): Promise<HistoryAnswer> {
    for (const waitMs of waitsMs) {
      const answer = await this.#cache.lease(epoch, id, token, false)
      if (answer.kind !== 'leased') return answer
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    return this.#cache.lease(epoch, id, token, true)
  }

  /** What is held, or what is stored if that is not enough. */
  async #reaching(id: string, answer: HistoryAnswer, atLeast: number): Promise<StoredHistory | undefined> {
    if (answer.kind !== 'history' || reaches(answer.history, atLeast)) return historyOf(answer)
    return this.#load(id, atLeast)
  }

  async #load(id: string, count: number): Promise<StoredHistory | undefined> {
    return this.#saw(id, await loadHistory(this.#context, id, count))
  }

  async #loadHeld(id: string, count: number): Promise<HeldHistory> {
    const held = await loadHeldHistory(this.#context, id, count, holdMs)
    this.#saw(id, held.history)
    return held
  }

  #saw(id: string, history: StoredHistory | undefined): StoredHistory | undefined {
    if (history !== undefined) this.#seen.saw(id, { ...history, revision: history.record.revision })
    return history
  }

  saw(id: string, last: number): void {
    this.#seen.saw(id, { revision: 0, changes: 0, last })
  }

  async committing<R>(id: string, write: () => Promise<R>): Promise<R> {
    try {
      return await write()
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNKNOWN') await this.changed(id)
      throw error
    }
  }

  appended(id: string, entries: readonly Entry<MessageRecord>[]): Promise<void> {
    const [first, ...others] = entries.map(storedMessage)
    if (first === undefined) return Promise.resolve()
    const messages = [first, ...others] as [StoredMessage, ...StoredMessage[]]
    // Those of a repeated call may have been stored in several places.
    const isContiguous = messages.every(({ seq }, index) => seq === first.seq + index)
    return this.#tell((epoch) =>
      isContiguous ? this.#cache.extend(epoch, id, messages) : this.#cache.forget(epoch, id),
    )
  }

  changed(id: string): Promise<void> {
    return this.#tell((epoch) => this.#cache.forget(epoch, id))
  }

  async amended(id: string): Promise<void> {
    await this.#tell(async (epoch) => {
      // A branch that is made later reads what is stored now.
      const { conversations } = this.#context.shapes
      const branches = await conversations.find({ owners: id }, { project: { owners: 1 } }).toArray()
      const ids = [id, ...branches.map((branch) => branch.id)]
      await Promise.all(ids.map((one) => this.#cache.forget(epoch, one)))
    })
  }

  deleted(id: string): Promise<void> {
    return this.#tell((epoch) => this.#cache.bury(epoch, id))
  }

  /** Returns when the cache has done it, or when nobody looks any more at what it held. */
  async #tell(command: (epoch: number) => Promise<unknown>): Promise<void> {
    const committedAt = performance.now()
    try {
      const epoch = this.#trust.current() ?? (await this.#trust.soon())
      if (epoch !== undefined) {
        await command(epoch)
        return
      }
    } catch {
      // Nobody knows whether it was carried out.
    }
    await this.#trust.invalidateAll(committedAt)
  }

  #isUsable(id: string, answer: HistoryAnswer): boolean {
    if (answer.kind === 'deleted') return true
    return answer.kind === 'history' && !this.#seen.isPast(id, answer.history)
  }

  isAway(): boolean {
    return !this.#cache.isReachable
  }

  async close(): Promise<void> {
    this.#trust.close()
    await this.#onClose()
  }
}

function historyOf(answer: HistoryAnswer): StoredHistory | undefined {
  return answer.kind === 'history' ? answer.history : undefined
}

/** Whether edits of the past that it shares find it: a branch that was made before branches were noted is not. */
function isFollowed({ record }: StoredHistory): boolean {
  return record.lineage === undefined || record.owners !== undefined
}

function isAway(error: unknown): boolean {
  return error instanceof HoldfastError && error.reason === 'CACHE_AWAY'
}

interface Numbers {
  readonly revision: number
  readonly changes: number
  readonly last: number
}

/** What this process has read from the database, for as long as the cache may hold something older: what somebody cached before a writer died
 *  between its commit and its word to the cache. */
class SeenHistories {
  /** In the order of time. */
  readonly #seen = new Map<string, Numbers & { readonly at: number }>()

  saw(id: string, { revision, changes, last }: Numbers): void {
    const at = performance.now()
    const known = this.#seen.get(id)
    this.#seen.delete(id)
    this.#seen.set(id, {
      at,
      revision: Math.max(revision, known?.revision ?? 0),
      changes: Math.max(changes, known?.changes ?? 0),
      last: Math.max(last, known?.last ?? 0),
    })
    for (const [oldest, seen] of this.#seen) {
      if (seen.at + maxAgeMs > at && this.#seen.size <= maxSeen) break
      this.#seen.delete(oldest)
    }
  }

  isPast(id: string, { record, changes, last }: StoredHistory): boolean {
    const seen = this.#seen.get(id)
    if (seen === undefined || seen.at + maxAgeMs <= performance.now()) return false
    return record.revision < seen.revision || changes < seen.changes || last < seen.last
  }
}
