import { type StoreContext } from './context.js'
import { isCode, noConversation, staleVersion } from './failures.js'
import { blobOwner, isDeleting, type TurnRecord } from './shapes.js'

export interface Deleted {
  /** This call deleted it; otherwise another one had begun to before. */
  readonly first: boolean
  /** The reply that was being made. */
  readonly replyId: string | undefined
}

/** Deletes a conversation with all that belongs to it, for good. Not as a transaction, which those who write to the conversation all the
 *  time would keep from ever being committed (16 of them did), but as steps that nobody can keep waiting and that may be repeated: first it
 *  is marked, from when on nobody sees it; then its stream becomes a tombstone, from when on nothing can be appended; then all else
 *  goes, and the mark last. What a process leaves half done that dies in between, others finish (`finishDeletions`).
 *  @returns `undefined`: it was deleted before
 *  @throws NOT_FOUND; ABORTED if `ifVersion` does not hold */
export async function deleteConversation(
  context: StoreContext,
  id: string,
  ifVersion?: number,
): Promise<Deleted | undefined> {
  const { conversations, messages } = context.shapes
  const filter = { _id: id, deleting: { $exists: false }, ...(ifVersion === undefined ? {} : { revision: ifVersion }) }
  const marked = await conversations.updateOne(filter, { $set: { deleting: true }, $inc: { revision: 1 } })
  if (marked === undefined) {
    const current = await conversations.get(id)
    if (current === undefined) {
      const { removed } = await messages.head(id)
      if (removed) return undefined
      throw noConversation(id)
    }
    if (!isDeleting(current.data)) throw staleVersion(`Conversation ${id}`, current.data.revision, ifVersion ?? 0)
  }
  const replyId = await deleteAll(context, id)
  return { first: marked !== undefined, replyId }
}

/** @returns how many deletions were left half done */
export async function finishDeletions(context: StoreContext): Promise<number> {
  let finished = 0
  for await (const { id } of context.shapes.conversations.find({ deleting: true }, { project: { deleting: 1 } })) {
    await deleteAll(context, id)
    finished += 1
  }
  return finished
}

/** Takes up a deletion that another process began. */
export async function finishDeletion(context: StoreContext, id: string): Promise<void> {
  await deleteAll(context, id)
}

async function deleteAll(context: StoreContext, id: string): Promise<string | undefined> {
  const { shapes, histories } = context
  await shapes.messages.remove(id)
  await histories.deleted(id)
  const turn = await takeTurnAway(context, id)
  const replyId = turn?.status === 'active' ? turn.replyId : undefined
  // Its holder may not have written yet; only a stream that was there leaves a tombstone, which stops late writes.
  if (replyId !== undefined) await shapes.replies.create(replyId)
  if (replyId !== undefined) await shapes.replies.remove(replyId)
  for await (const reply of shapes.replyRecords.find({ conversationId: id })) await shapes.replies.remove(reply.id)
  await shapes.replyRecords.deleteMany({ conversationId: id })
  await shapes.blobs.unlinkAll(blobOwner(id))
  await shapes.changes.remove(id)
  await shapes.turnQueues.deleteOne(id)
  await shapes.states.deleteOne(id)
  // A round of vectors that comes later finds the mark of the deletion.
  await shapes.vectors.deleteMany({ conversationId: id })
  await shapes.conversations.deleteOne(id)
  return replyId
}

/** Without its turn nobody can begin another one. @returns the last one there was */
async function takeTurnAway({ shapes: { turns } }: StoreContext, id: string): Promise<TurnRecord | undefined> {
  for (;;) {
    const turn = await turns.get(id)
    if (turn === undefined) return undefined
    try {
      if (await turns.deleteOne(id, { ifVersion: turn.version })) return turn.data
    } catch (error) {
      if (!isCode(error, 'ABORTED')) throw error
    }
  }
}
