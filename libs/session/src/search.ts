import { invalidField } from '@holdfast/errors'
import type { ActivityTimes } from './activity.js'
import type { StoreContext } from './context.js'
import { isDeleting } from './shapes.js'
import type { SearchHit, SearchOptions } from './conversation-store.js'
import { checkUserId } from './ids.js'
import { KeyedQueue } from './keyed-queue.js'
import type { Role } from './message.js'
import { type Indexed, MessageIndex } from './message-index.js'
import { messageOf, readEntry } from './stored-messages.js'
import { checkLimit, checkRole } from './validation.js'

const maxConversations = 1000
const maxQueryLength = 2000
const maxRounds = 3

export interface SearchLimits {
  readonly users: number
  readonly messagesPerUser: number
}

interface UserIndex {
  readonly index: MessageIndex
  /** What was read of each conversation: the messages after `from` up to `seq`, the changes up to `change`. */
  readonly read: Map<string, { readonly from: number; readonly seq: number; readonly change: number }>
}

/** Full-text search over one user's messages. The indexes live in memory, those of the users who searched last, and are brought
 *  up to date before each answer; what they find is read again, so that an answer never holds what is no longer stored. */
export class Search {
  readonly #context: StoreContext
  readonly #activity: ActivityTimes
  readonly #limits: SearchLimits
  readonly #users = new Map<string, UserIndex>()
  readonly #queue = new KeyedQueue()

  constructor(context: StoreContext, activity: ActivityTimes, limits: SearchLimits) {
    this.#context = context
    this.#activity = activity
    this.#limits = limits
  }

  async search(userId: string, query: string, options: SearchOptions): Promise<SearchHit[]> {
    checkUserId(userId, 'userId')
    if (typeof query !== 'string') throw invalidField('query', 'must be a string')
    const limit = Math.min(100, checkLimit(options.limit, 10, 100))
    const wanted = (options.roles ?? ['user', 'assistant']).map((role, i) => checkRole(role, `roles[${i}]`))
    const roles = new Set<Role>(wanted)
    const excluded = new Set((options.exclude ?? []).map(({ conversationId, seq }) => `${conversationId}/${seq}`))
    const text = query.slice(0, maxQueryLength)
    return this.#queue.run(userId, async () => {
      const user = this.#indexOf(userId)
      await this.#refresh(userId, user)
      const keep = (found: Indexed): boolean =>
        roles.has(found.role) && !excluded.has(`${found.conversationId}/${found.seq}`)
      for (let round = 1; ; round += 1) {
        const found = user.index.search(text, limit, keep)
        const hits = await Promise.all(found.map(({ indexed, score }) => this.#readAgain(user, indexed, score)))
        const standing = hits.filter((hit) => hit !== undefined)
        // Something had changed since it was indexed; by now the index knows.
        if (standing.length === found.length || round === maxRounds) return standing
      }
    })
  }

  /** The least recently used user goes when there are too many. */
  #indexOf(userId: string): UserIndex {
    const known = this.#users.get(userId)
    const user = known ?? { index: new MessageIndex(this.#limits.messagesPerUser), read: new Map() }
    this.#users.delete(userId)
    this.#users.set(userId, user)
    for (const [oldest] of this.#users) {
      if (this.#users.size <= this.#limits.users) break
      this.#users.delete(oldest)
    }
    return user
  }

  async #refresh(userId: string, user: UserIndex): Promise<void> {
    const { conversations, messages, changes } = this.#context.shapes
    await this.#activity.flush()
    const sort = { lastActivityAt: -1 } as const
    const found = await conversations.find({ userId }, { sort, limit: maxConversations }).toArray()
    const documents = found.filter(({ data }) => !isDeleting(data))
    const ids = documents.map((document) => document.id)
    const known = new Set(ids)
    for (const id of user.read.keys()) {
      if (known.has(id)) continue
      user.read.delete(id)
      user.index.discardConversation(id)
    }
    if (ids.length === 0) return
    const [heads, changeHeads] = await Promise.all([messages.heads(ids), changes.heads(ids)])
    let budget = this.#limits.messagesPerUser
    for (const [position, { id, data }] of documents.entries()) {
      const seq = (heads[position]?.next ?? 1) - 1
      const change = (changeHeads[position]?.next ?? 1) - 1
      // A shared past is found where it belongs, once, as long as that is one of the user's own conversations.
      const { lineage = [] } = data
      const owned = lineage.every((past) => known.has(past.conversationId)) ? (lineage.at(-1)?.seq ?? 0) : 0
      const { from, ...before } = user.read.get(id) ?? { from: seq, seq, change }
      if (change > before.change) await this.#readChanges(user, id, before.change)
      // Newest first, as long as the budget lasts: what is new, then what had been found elsewhere before.
      budget -= await this.#readMessages(user, id, before.seq, seq + 1, budget)
      budget -= await this.#readMessages(user, id, owned, from + 1, budget)
      user.read.set(id, { from: Math.min(from, owned), seq: Math.max(seq, before.seq), change })
    }
  }

  /** The newest of the entries between two bounds, both exclusive. */
  async #readMessages(user: UserIndex, id: string, after: number, before: number, budget: number): Promise<number> {
    let count = 0
    while (count < budget && before > after + 1) {
      const limit = Math.min(1000, budget - count)
      const entries = await this.#context.shapes.messages.read(id, { after, before, limit, reverse: true })
      for (const entry of entries) user.index.put(id, messageOf(entry))
      count += entries.length
      const oldest = entries.at(-1)
      if (oldest === undefined || entries.length < limit) break
      before = oldest.seq
    }
    return count
  }

  async #readChanges(user: UserIndex, id: string, after: number): Promise<void> {
    const { messages, changes } = this.#context.shapes
    const events = await changes.read(id, { after, limit: 10_000 })
    for (const seq of new Set(events.map(({ data }) => data.seq))) {
      const entry = await readEntry(messages, id, seq)
      if (entry !== undefined) user.index.put(id, messageOf(entry))
    }
  }

  async #readAgain(
    user: UserIndex,
    { conversationId, seq, editedAt }: Indexed,
    score: number,
  ): Promise<SearchHit | undefined> {
    const entry = await readEntry(this.#context.shapes.messages, conversationId, seq)
    if (entry === undefined) {
      user.index.discard(conversationId, seq)
      return undefined
    }
    const message = messageOf(entry)
    if (message.editedAt?.getTime() === editedAt) return { conversationId, message, score }
    user.index.put(conversationId, message)
    return undefined
  }
}
