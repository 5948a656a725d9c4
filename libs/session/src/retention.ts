import { invalidField } from '@holdfast/errors'
import type { StoreContext } from './context.js'
import type { Retention } from './conversation-store.js'
import { isDeleting } from './shapes.js'
import { checkInteger, isObject } from './validation.js'

const pageSize = 500

/** @throws INVALID_ARGUMENT */
export function checkRetention(value: unknown, field: string): Retention {
  if (!isObject(value)) throw invalidField(field, 'must be an object')
  const { maxAgeMs, maxMessages, ...unknown } = value as Retention & Record<string, unknown>
  const [other] = Object.keys(unknown)
  if (other !== undefined) throw invalidField(`${field}.${other}`, 'is not known here: there are maxAgeMs, maxMessages')
  return {
    ...(maxAgeMs === undefined
      ? {}
      : { maxAgeMs: checkInteger(maxAgeMs, `${field}.maxAgeMs`, 1, Number.MAX_SAFE_INTEGER) }),
    ...(maxMessages === undefined
      ? {}
      : { maxMessages: checkInteger(maxMessages, `${field}.maxMessages`, 1, Number.MAX_SAFE_INTEGER) }),
  }
}

/** Deletes messages beyond what is kept, oldest first, of all conversations; their own retention goes before the store's.
 *  @returns how many went */
export async function applyRetention(context: StoreContext, ofStore: Retention | undefined): Promise<number> {
  const { conversations, messages } = context.shapes
  const filter = ofStore === undefined ? { retention: { $exists: true } } : {}
  let deleted = 0
  for (let after: string | undefined; ;) {
    const page = await conversations.find(filter, { limit: pageSize, ...(after === undefined ? {} : { after }) }).page()
    const kept = page.items.filter(({ data }) => !isDeleting(data))
    const heads = kept.length === 0 ? [] : await messages.heads(kept.map(({ id }) => id))
    for (const [index, { id, data }] of kept.entries()) {
      const { maxMessages, maxAgeMs } = { ...ofStore, ...data.retention }
      const head = heads[index]
      const count = head === undefined ? 0 : head.next - head.first
      if (count === 0) continue
      let gone = 0
      if (maxMessages !== undefined && count > maxMessages) gone += await messages.trim(id, { keepLast: maxMessages })
      if (maxAgeMs !== undefined) gone += await messages.trim(id, { olderThanMs: maxAgeMs })
      if (gone > 0) {
        await context.histories.changed(id)
        const { first } = await messages.head(id)
        await context.shapes.vectors.deleteMany({ conversationId: id, seq: { $lt: first } })
        context.changed(id)
      }
      deleted += gone
    }
    if (page.next === undefined) return deleted
    after = page.next
  }
}
