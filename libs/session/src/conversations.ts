import { createHash } from 'node:crypto'
import type { Document, StreamHead } from '@holdfast/persistence'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ActivityTimes } from './activity.js'
import { type StoreContext, commit, lostConversation } from './context.js'
import type {
  Conversation,
  ConversationPage,
  ConversationPatch,
  ForkOptions,
  IfVersion,
  ListOptions,
  NewConversation,
} from './conversation-store.js'
import { DatabaseClock } from './database-clock.js'
import { conversationDeleted, isCode, noConversation, resolveUnknown, staleVersion } from './failures.js'
import { checkConversationId, checkKey, checkUserId, conversationIdOfKey, newConversationId } from './ids.js'
import { type Deleted, deleteConversation } from './deletion.js'
import {
  blobOwner,
  type ConversationRecord,
  isDeleting,
  type Shapes,
  type SharedPast,
  type StateRecord,
  type TurnRecord,
} from './shapes.js'
import { refuseErased } from './erased-users.js'
import { checkRetention } from './retention.js'
import { checkTags } from './tags.js'
import { checkInteger, checkLimit, checkMetadata, checkText, checkTitle } from './validation.js'

/** Conversations as such: what they are called, whose they are, which there are. */
export class Conversations {
  readonly #context: StoreContext
  readonly #activity: ActivityTimes
  readonly #clock: DatabaseClock

  constructor(context: StoreContext, activity: ActivityTimes) {
    this.#context = context
    this.#activity = activity
    this.#clock = new DatabaseClock(context.now)
  }

  async create(input: NewConversation): Promise<Conversation> {
    const id = chooseId(input, 'id', 'key')
    const userId = checkUserId(input.userId ?? '', 'userId')
    const title = checkTitle(input.title ?? '', 'title')
    const metadata = checkMetadata(input.metadata ?? {}, 'metadata')
    const more = checkMore(input)
    // As it was before there were tags and retentions.
    const others = Object.keys(more).length === 0 ? [] : [more]
    const origin = digestOf(['created', userId, title, Object.entries(metadata).sort(byKey), ...others])
    this.#clock.saw(this.#activity.latest)
    const [now] = await Promise.all([this.#clock.now(), refuseErased(this.#context.shapes, userId)])
    const record = { userId, title, metadata, ...more, revision: 1, origin, lastActivityAt: now, activity: now }
    const { conversations, messages, states, turns } = this.#context.shapes
    return this.#make(id, record, async () => {
      const made = await this.#context.store.createTogether({ log: messages.name, stream: id }, (scope) => [
        scope.collection<ConversationRecord>(conversations.name).insertOne(record, { id }),
        scope.collection<StateRecord>(states.name).insertOne({ revision: 0, json: '{}' }, { id }),
        scope.collection<TurnRecord>(turns.name).insertOne({ status: 'idle', token: 0 }, { id }),
      ])
      return made?.[0]
    })
  }

  async get(id: string): Promise<Conversation> {
    checkConversationId(id, 'id')
    const { conversations, messages, turns } = this.#context.shapes
    const [document, head, turn] = await Promise.all([conversations.get(id), messages.head(id), turns.get(id)])
    if (document === undefined || isDeleting(document.data)) throw noConversation(id)
    return conversationOf(document, head, turn?.data)
  }

  async list({ signal, ...options }: ListOptions): Promise<ConversationPage> {
    const userId = options.userId === undefined ? undefined : checkUserId(options.userId, 'userId')
    const limit = checkLimit(options.limit, 50, 1000)
    const tag = options.tag === undefined ? undefined : checkText(options.tag, 'tag', { max: 128 })
    const listing = listingOf(userId, tag)
    const after = options.cursor === undefined ? undefined : openCursor(options.cursor, listing)
    await this.#activity.flush()
    const { conversations, messages, turns } = this.#context.shapes
    const until = signal === undefined ? {} : { signal }
    const sort = userId === undefined ? ({ activity: -1 } as const) : ({ lastActivityAt: -1 } as const)
    const filter = {
      ...(userId === undefined ? {} : { userId }),
      ...(tag === undefined ? {} : { tags: tag }),
    }
    const page = await refuseForeignCursor(() =>
      conversations.find(filter, { sort, limit, ...(after === undefined ? {} : { after }), ...until }).page(),
    )
    const ids = page.items.map((document) => document.id)
    if (ids.length === 0) return { items: [] }
    const [heads, held] = await Promise.all([messages.heads(ids), turns.getMany(ids)])
    const items = page.items.flatMap((document, index) =>
      isDeleting(document.data) ? [] : [conversationOf(document, heads[index], held[index]?.data)],
    )
    return page.next === undefined ? { items } : { items, next: `${page.next}.${listing}` }
  }

  async update(id: string, patch: ConversationPatch, { ifVersion }: IfVersion): Promise<Conversation> {
    checkConversationId(id, 'id')
    if (ifVersion !== undefined) checkInteger(ifVersion, 'ifVersion', 0, Number.MAX_SAFE_INTEGER)
    const changes = {
      ...(patch.title === undefined ? {} : { title: checkTitle(patch.title, 'title') }),
      ...(patch.metadata === undefined ? {} : { metadata: checkMetadata(patch.metadata, 'metadata') }),
      ...(patch.tags === undefined ? {} : { tags: checkTags(patch.tags, 'tags') }),
      ...(patch.retention == null ? {} : { retention: checkRetention(patch.retention, 'retention') }),
    }
    const unset = patch.retention === null ? { $unset: { retention: '' } } : {}
    if (Object.keys(changes).length === 0 && patch.retention !== null) {
      throw invalidField('patch', 'must change title, metadata, tags or retention')
    }
    const { conversations } = this.#context.shapes
    const changedAt = await this.#context.now()
    const isThere = { _id: id, deleting: { $exists: false } }
    const filter = ifVersion === undefined ? isThere : { ...isThere, revision: ifVersion }
    const { histories } = this.#context
    const update = { $set: { ...changes, changedAt }, $inc: { revision: 1 }, ...unset }
    const updated = await histories.committing(id, () => conversations.updateOne(filter, update))
    if (updated !== undefined) {
      await histories.changed(id)
      return this.get(id)
    }
    const current = await conversations.get(id)
    if (current === undefined || isDeleting(current.data) || ifVersion === undefined)
      throw await lostConversation(this.#context, id)
    throw staleVersion(`Conversation ${id}`, current.data.revision, ifVersion)
  }

  /** @returns what was deleted, so that those who still work on it can be told; `undefined`: it had been deleted before */
  async delete(id: string, { ifVersion }: IfVersion): Promise<Deleted | undefined> {
    checkConversationId(id, 'id')
    if (ifVersion !== undefined) checkInteger(ifVersion, 'ifVersion', 0, Number.MAX_SAFE_INTEGER)
    const deleted = await resolveUnknown(() => deleteConversation(this.#context, id, ifVersion))
    this.#activity.forget(id)
    return deleted
  }

  async fork(from: string, options: ForkOptions): Promise<Conversation> {
    checkConversationId(from, 'id')
    const { atSeq } = options
    if (atSeq !== undefined) checkInteger(atSeq, 'atSeq', 0, Number.MAX_SAFE_INTEGER)
    const id = chooseId(options, 'options.id', 'options.key')
    const title = options.title === undefined ? undefined : checkTitle(options.title, 'options.title')
    const origin = digestOf(['forked', from, atSeq ?? null, title ?? null])
    const known = await this.#known(id, origin)
    if (known !== undefined) return known
    const { conversations, messages } = this.#context.shapes
    const [source, head, now] = await Promise.all([conversations.get(from), messages.head(from), this.#context.now()])
    if (source === undefined || isDeleting(source.data)) throw await lostConversation(this.#context, from)
    const at = atSeq ?? head.next - 1
    if (at >= head.next) {
      throw new HoldfastError('OUT_OF_RANGE', `Conversation ${from} ends at message ${head.next - 1}, before ${at}`, {
        fields: [{ field: 'atSeq', description: `must be at most ${head.next - 1}` }],
      })
    }
    const { userId, metadata, tags, retention } = source.data
    await refuseErased(this.#context.shapes, userId)
    const parent = { conversationId: from, seq: at }
    const lineage = lineageOf(source.data, parent)
    const record = {
      userId,
      title: title ?? source.data.title,
      metadata,
      ...(tags === undefined ? {} : { tags }),
      ...(retention === undefined ? {} : { retention }),
      revision: 1,
      origin,
      lastActivityAt: now,
      activity: now,
    }
    const owners = lineage.map((past) => past.conversationId)
    const forked = { ...record, parent, lineage, owners }
    const prepare = async (tx: Shapes): Promise<boolean> => {
      const state = await tx.states.get(from)
      if (state === undefined) throw conversationDeleted(from)
      if (at === 0) {
        if (!(await tx.messages.create(id))) return false
      } else {
        const target = await tx.messages.head(id)
        if (target.exists || target.removed) return false
        await tx.messages.fork(from, at, id)
        for (const hash of await tx.blobs.linkedBy(blobOwner(from))) await tx.blobs.link(hash, blobOwner(id))
      }
      await tx.states.insertOne(state.data, { id })
      await tx.turns.insertOne({ status: 'idle', token: 0 }, { id })
      return true
    }
    return this.#make(id, forked, () =>
      commit(this.#context, async (tx) =>
        (await prepare(tx)) ? tx.conversations.insertOne(forked, { id }) : undefined,
      ),
    )
  }

  /** @param commits a new conversation with what belongs to it; `undefined`: the id is taken */
  async #make(
    id: string,
    record: ConversationRecord,
    commits: () => Promise<Document<ConversationRecord> | undefined>,
  ): Promise<Conversation> {
    const made = await resolveUnknown(commits)
    if (made !== undefined) await this.#refuseIfErased(id, record.userId)
    if (made !== undefined) return { ...conversationOf(made, undefined, undefined), lastSeq: record.parent?.seq ?? 0 }
    const known = await this.#known(id, record.origin)
    if (known === undefined) throw conversationDeleted(id)
    return known
  }

  async #refuseIfErased(id: string, userId: string): Promise<void> {
    try {
      await refuseErased(this.#context.shapes, userId)
    } catch (error) {
      if (isCode(error, 'FAILED_PRECONDITION')) await deleteConversation(this.#context, id)
      throw error
    }
  }

  /** The conversation of this id, if it was created by the same call. */
  async #known(id: string, origin: string): Promise<Conversation | undefined> {
    const document = await this.#context.shapes.conversations.get(id)
    if (document === undefined) return undefined
    if (isDeleting(document.data)) throw conversationDeleted(id)
    if (document.data.origin === origin) return this.get(id)
    throw new HoldfastError(
      'ALREADY_EXISTS',
      `Conversation ${id} exists with other content: choose another id or key`,
      {
        reason: 'CONVERSATION_EXISTS',
        metadata: { conversationId: id },
      },
    )
  }
}

export function conversationOf(
  { id, createdAt, data }: Pick<Document<ConversationRecord>, 'id' | 'createdAt' | 'data'>,
  head: Pick<StreamHead, 'next' | 'at'> | undefined,
  turn: TurnRecord | undefined,
): Conversation {
  return {
    id,
    userId: data.userId,
    title: data.title,
    metadata: data.metadata,
    ...(data.tags === undefined || data.tags.length === 0 ? {} : { tags: data.tags }),
    ...(data.retention === undefined ? {} : { retention: data.retention }),
    version: data.revision,
    createdAt,
    updatedAt: data.changedAt === undefined ? createdAt : new Date(data.changedAt),
    lastActivityAt: new Date(Math.max(data.lastActivityAt, head?.at ?? 0)),
    lastSeq: head === undefined ? 0 : head.next - 1,
    ...(data.parent === undefined ? {} : { parent: data.parent }),
    ...(turn?.status === 'active' ? { activeReplyId: turn.replyId } : {}),
  }
}

function lineageOf(source: ConversationRecord, parent: SharedPast): SharedPast[] {
  const lineage: SharedPast[] = []
  for (const { conversationId, seq } of [...(source.lineage ?? []), parent]) {
    const last = Math.min(seq, parent.seq)
    if (last > (lineage.at(-1)?.seq ?? 0)) lineage.push({ conversationId, seq: last })
  }
  return lineage
}

function checkMore({ tags = [], retention }: NewConversation): Pick<ConversationRecord, 'tags' | 'retention'> {
  const checked = checkTags(tags, 'tags')
  return {
    ...(checked.length === 0 ? {} : { tags: checked }),
    ...(retention === undefined ? {} : { retention: checkRetention(retention, 'retention') }),
  }
}

function chooseId(input: { readonly id?: string; readonly key?: string }, idField: string, keyField: string): string {
  if (input.id !== undefined) return checkConversationId(input.id, idField)
  return input.key === undefined ? newConversationId() : conversationIdOfKey(checkKey(input.key, keyField))
}

function digestOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url')
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : Number(a > b)
}

function openCursor(cursor: unknown, expected: string): string {
  const refuse = () =>
    invalidField('cursor', 'is not a cursor of this listing: pass one unchanged, with the same userId')
  if (typeof cursor !== 'string' || cursor.length > 4096) throw refuse()
  const [after, listing, ...more] = cursor.split('.')
  if (!after || listing !== expected || more.length > 0) throw refuse()
  return after
}

function listingOf(userId: string | undefined, tag: string | undefined): string {
  return digestOf(['conversations', userId ?? null, ...(tag === undefined ? [] : [tag])]).slice(0, 8)
}

async function refuseForeignCursor<R>(read: () => Promise<R>): Promise<R> {
  try {
    return await read()
  } catch (error) {
    if (isCode(error, 'INVALID_ARGUMENT'))
      throw invalidField('cursor', 'is not a cursor of this listing', { cause: error })
    throw error
  }
}
