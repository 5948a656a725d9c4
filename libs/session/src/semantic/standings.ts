import type { Document } from '@holdfast/persistence'
import type { StoreContext } from '../context.js'
import { type ConversationRecord, isDeleting } from '../shapes.js'
import { boundsOf, isBehind, type Standing } from './round.js'

/** Those of the conversations that have something to index, in their order. */
export async function unindexed(
  context: StoreContext,
  model: string,
  documents: readonly Document<ConversationRecord>[],
): Promise<Standing[]> {
  const { messages, changes } = context.shapes
  const there = documents.filter(({ data }) => !isDeleting(data))
  const ids = there.map(({ id }) => id)
  if (ids.length === 0) return []
  const [heads, changeHeads, gone] = await Promise.all([
    messages.heads(ids),
    changes.heads(ids),
    goneOwners(context, there),
  ])
  return there.flatMap((document, place) => {
    const [head, changeHead] = [heads[place], changeHeads[place]]
    if (head === undefined || changeHead === undefined || head.removed) return []
    const standing = { document, head, changeHead, owned: ownedPast(document.data, gone) }
    return isBehind(document.data.indexed?.[model], boundsOf(standing)) ? [standing] : []
  })
}

/** Up to where the past is indexed with the conversations that own it: a branch keeps a past whose owner was deleted. */
function ownedPast({ lineage = [] }: ConversationRecord, gone: ReadonlySet<string>): number {
  return lineage.some(({ conversationId }) => gone.has(conversationId)) ? 0 : (lineage.at(-1)?.seq ?? 0)
}

async function goneOwners(
  { shapes }: StoreContext,
  documents: readonly Document<ConversationRecord>[],
): Promise<ReadonlySet<string>> {
  const owners = [...new Set(documents.flatMap(({ data }) => data.owners ?? []))]
  if (owners.length === 0) return new Set()
  const found = await shapes.conversations.getMany(owners)
  return new Set(owners.filter((_, place) => found[place] === undefined || isDeleting(found[place].data)))
}
