import { openDocumentStore } from '@holdfast/persistence'
import { type NewMessage, openConversationStore } from '@holdfast/session'
import { rounded } from '../rounds.js'
import type { World } from './world.js'

const conversations = 1_000
const messagesOfEach = 1_000
const atOnce = 8
const text = 'I would like to know when the last train leaves, and whether I have to change on the way there.'

/** How long it takes to erase a user with a million messages, beside another user who has as many conversations and keeps them. */
export async function erasure({ postgres, redis, connections, report }: World): Promise<void> {
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using store = await openConversationStore(documents, { cache: { redis: redis.url }, maintenanceIntervalMs: 0 })
  const messages = Array.from({ length: messagesOfEach }, (): NewMessage => ({
    role: 'user',
    parts: [{ type: 'text', text }],
  }))
  const fill = async (userId: string, each: readonly NewMessage[]): Promise<void> => {
    let left = conversations
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (left > 0) {
          left -= 1
          const { id } = await store.create({ userId })
          await store.append(id, each)
        }
      }),
    )
  }
  await fill('stays', messages.slice(0, 1))
  await fill('goes', messages)
  const start = performance.now()
  const erased = await store.eraseUser('goes')
  report.metric('erase_1m', rounded((performance.now() - start) / 1000, 2))
  const { items } = await store.list({ userId: 'stays', limit: conversations })
  report.note(`erase_1m: ${JSON.stringify(erased)}; the other user has ${items.length} conversations still`)
}
