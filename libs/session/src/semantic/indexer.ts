import type { ClaimedDocument, Document, Lease } from '@holdfast/persistence'
import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { StoreContext } from '../context.js'
import { isCode } from '../failures.js'
import type { ConversationRecord } from '../shapes.js'
import { type Embedder, modelKeyOf } from './embedder.js'
import { PacedEmbedding } from './paced-embedding.js'
import type { IndexerRecord } from './records.js'
import { retireModels } from './retired-models.js'
import { commitRound, readRound, type Round, type Standing } from './round.js'
import { unindexed } from './standings.js'

export interface IndexingSettings {
  /** How long after the store was opened indexing begins, so that it takes nothing from a start. */
  readonly startAfterMs: number
  /** How often conversations of other processes are looked for. */
  readonly pollMs: number
  /** Which part of the time the model may work in the background, above 0 to 1. */
  readonly duty: number
  /** How long vectors of a model stay that nobody indexes with any more. */
  readonly retireAfterMs: number
  /** How soon another process takes over from one that is dead. */
  readonly leaseMs: number
}

const pageSize = 200
const messagesPerRound = 64
const longestWalkIntervalMs = 600_000
const walkIntervalMs = 60_000
// Activity times of other processes come up to about a second late, and their clocks are the database's.
const activityOverlapMs = 10_000
const gatherMs = 250

/** Embeds what is said, in the background: what this process appends, at once; what others do, from a look at the newest activity; and all
 *  that was missed, by walking over all conversations, first when it begins. How far a conversation is indexed stands on its document, so that
 *  whoever goes on begins where the last one ended. */
export class Indexer {
  readonly model: string
  readonly #context: StoreContext
  readonly #embedder: Embedder
  readonly #settings: IndexingSettings
  readonly #embedding: PacedEmbedding
  readonly #hints = new Set<string>()
  readonly #stopped = new AbortController()
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined
  #failure: HoldfastError | undefined
  #activeSince = 0
  #nextLookAt = 0
  #nextWalkAt = 0

  constructor(context: StoreContext, embedder: Embedder, settings: IndexingSettings) {
    this.model = modelKeyOf(embedder)
    this.#context = context
    this.#embedder = embedder
    this.#settings = settings
    this.#embedding = new PacedEmbedding(embedder, settings.duty, this.#stopped.signal)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** A conversation has changed. */
  hint(conversationId: string): void {
    // The walk finds what does not fit.
    if (this.#hints.size < 10_000) this.#hints.add(conversationId)
    this.#wake?.()
  }

  /** What keeps the model from working, if anything does. */
  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    await this.#sleep(this.#settings.startAfterMs, { wakes: false })
    let waitMs = this.#settings.pollMs
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#asLeader()
        waitMs = this.#settings.pollMs
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        this.#context.reportFailure('Indexing messages by their meaning', error)
        this.#failure = asHoldfastError(error, 'Indexing')
        waitMs = Math.min(longestWalkIntervalMs, Math.max(500, waitMs) * 2)
      }
      await this.#sleep(waitMs, { wakes: this.#failure === undefined })
    }
  }

  /** Works for as long as this process is the one that does. */
  async #asLeader(): Promise<void> {
    const lease = await this.#claim()
    if (lease === undefined) return
    const renewal = new Renewal(lease, this.#settings.leaseMs)
    this.#nextWalkAt = 0
    try {
      while (!this.#stopped.signal.aborted) {
        await renewal.renew()
        if (performance.now() >= this.#nextWalkAt) await this.#walk(renewal)
        const more = await this.#lookAtNew(renewal)
        this.#failure = undefined
        if (more) continue
        // What is told meanwhile goes together: a conversation in which much is said is not read for every message.
        await this.#sleep(gatherMs, { wakes: false })
        await this.#sleep(this.#settings.pollMs, { wakes: true })
      }
    } catch (error) {
      // Somebody else has taken over; nothing of what was begun is written twice.
      if (!isCode(error, 'ABORTED')) throw error
    } finally {
      await renewal.release()
    }
  }

  async #claim(): Promise<Lease<IndexerRecord> | 'alone' | undefined> {
    const { indexers } = this.#context.shapes
    const { name, version } = this.#embedder
    const record = { name, version, seenAt: await this.#context.now() }
    await indexers.updateOne({ _id: this.model }, { $set: record }, { upsert: true })
    if (this.#context.singleOwner) return 'alone'
    const claimed: ClaimedDocument<IndexerRecord> | undefined = await indexers.claim(
      { _id: this.model },
      { leaseMs: this.#settings.leaseMs },
    )
    return claimed?.lease
  }

  /** All conversations, those first that were active last. */
  async #walk(renewal: Renewal): Promise<void> {
    const startedAt = performance.now()
    const { conversations, indexers } = this.#context.shapes
    this.#activeSince = Math.max(this.#activeSince, (await this.#context.now()) - activityOverlapMs)
    const sort = { activity: -1 } as const
    for (let after: string | undefined; ;) {
      const page = await conversations
        .find({}, { sort, limit: pageSize, ...(after === undefined ? {} : { after }) })
        .page()
      await this.#indexAll(page.items, renewal)
      after = page.next
      if (after === undefined || this.#stopped.signal.aborted) break
      // What is said now goes before what was said long ago.
      await this.#lookAtNew(renewal)
    }
    const now = await this.#context.now()
    await indexers.updateOne(this.model, { $set: { seenAt: now } })
    await retireModels(this.#context, this.model, now - this.#settings.retireAfterMs)
    const tookMs = performance.now() - startedAt
    this.#nextWalkAt = performance.now() + Math.min(longestWalkIntervalMs, Math.max(walkIntervalMs, 20 * tookMs))
  }

  /** What this process was told of, and what was active elsewhere. @returns whether there is more to do at once */
  async #lookAtNew(renewal: Renewal): Promise<boolean> {
    const { conversations } = this.#context.shapes
    const hinted = [...this.#hints].slice(0, pageSize)
    for (const id of hinted) this.#hints.delete(id)
    const active = await this.#activeElsewhere()
    const told = hinted.length === 0 ? [] : await conversations.getMany(hinted)
    const documents = new Map<string, Document<ConversationRecord>>()
    for (const document of [...active, ...told]) if (document !== undefined) documents.set(document.id, document)
    await this.#indexAll([...documents.values()], renewal)
    return this.#hints.size > 0 || active.length === pageSize
  }

  async #activeElsewhere(): Promise<readonly Document<ConversationRecord>[]> {
    if (performance.now() < this.#nextLookAt) return []
    const now = await this.#context.now()
    const active = await this.#context.shapes.conversations
      .find({ activity: { $gte: this.#activeSince } }, { sort: { activity: 1 }, limit: pageSize })
      .toArray()
    const last = active.at(-1)?.data.activity ?? 0
    const isAll = active.length < pageSize
    this.#activeSince = isAll ? now - activityOverlapMs : Math.max(last, this.#activeSince + 1)
    if (isAll) this.#nextLookAt = performance.now() + this.#settings.pollMs
    return active
  }

  async #indexAll(documents: readonly Document<ConversationRecord>[], renewal: Renewal): Promise<void> {
    const { conversations } = this.#context.shapes
    let left = await unindexed(this.#context, this.model, documents)
    while (left.length > 0 && !this.#stopped.signal.aborted) {
      await renewal.renew()
      const group = left.slice(0, 16)
      await this.#index(group)
      const again = await conversations.getMany(group.map(({ document }) => document.id))
      const current = again.filter((document) => document !== undefined)
      left = [...(await unindexed(this.#context, this.model, current)), ...left.slice(group.length)]
    }
  }

  /** A round of each. Their texts are embedded together, which takes a third of the time of one by one. */
  async #index(group: readonly Standing[]): Promise<void> {
    const read = await Promise.all(
      group.map((standing) => readRound(this.#context, this.model, standing, messagesPerRound)),
    )
    const rounds = read.filter((round): round is Round => round !== undefined)
    const vectors = await this.#embedding.embed(rounds.flatMap(({ passages }) => passages.map(({ text }) => text)))
    let from = 0
    const commits = rounds.map((round) => {
      const own = vectors.slice(from, from + round.passages.length)
      from += round.passages.length
      return commitRound(this.#context, this.model, round, own)
    })
    const failed = (await Promise.allSettled(commits)).find((commit) => commit.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #sleep(ms: number, { wakes }: { readonly wakes: boolean }): Promise<void> {
    if (this.#stopped.signal.aborted || (wakes && this.#hints.size > 0)) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      this.#wake = () => {
        if (!wakes && !this.#stopped.signal.aborted) return
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

/** Holds the lease while there is work. */
class Renewal {
  readonly #lease: Lease<IndexerRecord> | 'alone'
  readonly #leaseMs: number
  #renewedAt = performance.now()

  constructor(lease: Lease<IndexerRecord> | 'alone', leaseMs: number) {
    this.#lease = lease
    this.#leaseMs = leaseMs
  }

  /** @throws ABORTED if another process has it */
  async renew(): Promise<void> {
    if (this.#lease === 'alone' || performance.now() < this.#renewedAt + this.#leaseMs / 4) return
    await this.#lease.renew()
    this.#renewedAt = performance.now()
  }

  /** If that fails, it runs out. */
  async release(): Promise<void> {
    if (this.#lease !== 'alone') await this.#lease.release().catch(() => {})
  }
}
