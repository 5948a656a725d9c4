import type { StoreContext } from './context.js'
import type { ErasureReport } from './conversation-store.js'
import { deleteConversation, finishDeletion } from './deletion.js'
import { noConversation, resolveUnknown } from './failures.js'
import { blobOwner, type ConversationRecord } from './shapes.js'
import { idOf } from './scoped-states.js'

const atOnce = 8

type Counts = { -readonly [Name in keyof ErasureReport]: ErasureReport[Name] }

/** Deletes a conversation and the bytes that only it had, and counts both. Deleted before: all zero. */
export async function eraseConversation(context: StoreContext, id: string): Promise<ErasureReport> {
  const counts = noCounts()
  const document = await context.shapes.conversations.get(id)
  if (document === undefined) {
    const { removed } = await context.shapes.messages.head(id)
    if (!removed) throw noConversation(id)
    return counts
  }
  await eraseOne(context, id, document.data, counts)
  return counts
}

/** Erases a user: first a mark that nothing new can be stored for the id as long as it stands, then every conversation, also those that
 *  were being made at that moment, then the user's state. May be repeated, and goes on where it was cut off. */
export async function eraseUser(context: StoreContext, userId: string, refuseMs: number): Promise<ErasureReport> {
  const { conversations, erasedUsers, sharedStates } = context.shapes
  const counts = noCounts()
  await erasedUsers.put(userId, {}, { ttlMs: refuseMs })
  for (;;) {
    const some = await conversations.find({ userId }, { limit: 200 }).toArray()
    if (some.length === 0) break
    const left = [...some]
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let one = left.pop(); one !== undefined; one = left.pop()) {
          await eraseOne(context, one.id, one.data, counts)
        }
      }),
    )
  }
  if (await sharedStates.deleteOne(idOf({ scope: 'user', userId }))) counts.states += 1
  return counts
}

/** Erases what was made for users while they were being erased, by processes that died before they noticed. */
export async function finishErasures(context: StoreContext): Promise<void> {
  const { conversations, erasedUsers } = context.shapes
  for await (const { id: userId } of erasedUsers.find()) {
    for await (const { id, data } of conversations.find({ userId })) await eraseOne(context, id, data, noCounts())
  }
}

async function eraseOne(context: StoreContext, id: string, record: ConversationRecord, counts: Counts): Promise<void> {
  const { messages, changes, replyRecords, blobs } = context.shapes
  const [head, edits, replies, hashes] = await Promise.all([
    messages.head(id),
    changes.head(id),
    replyRecords.count({ conversationId: id }),
    blobs.linkedBy(blobOwner(id)),
  ])
  const deleted = await resolveUnknown(() => deleteConversation(context, id))
  if (deleted === undefined) await finishDeletion(context, id)
  if (deleted?.first !== true) return
  counts.conversations += 1
  counts.states += 1
  counts.messages += Math.max(0, head.next - Math.max(head.first, (record.lineage?.at(-1)?.seq ?? 0) + 1))
  counts.edits += edits.next - 1
  counts.replies += replies
  for (const hash of hashes) {
    const blob = await blobs.stat(hash)
    if (blob === undefined || (await blobs.links(hash)).length > 0) continue
    if (!(await blobs.remove(hash).catch(() => false))) continue
    counts.blobs += 1
    counts.blobBytes += blob.sizeBytes
  }
}

function noCounts(): Counts {
  return { conversations: 0, messages: 0, edits: 0, replies: 0, states: 0, blobs: 0, blobBytes: 0 }
}
