import type { StoreContext } from '../context.js'
import type { Role } from '../message.js'
import type { IndexedMark } from './records.js'
import type { Keep, NearMessage, NearMessages } from './near-messages.js'

/** The vectors of one user's messages, compared by the database. Edits and deletions remove vectors there, so that nothing is held here. */
export class ServerVectors implements NearMessages {
  readonly #context: StoreContext
  readonly #filter: { readonly userId: string; readonly model: string }
  #isEmpty = true

  constructor(context: StoreContext, userId: string, model: string) {
    this.#context = context
    this.#filter = { userId, model }
  }

  get isEmpty(): boolean {
    return this.#isEmpty
  }

  refresh(marks: ReadonlyMap<string, IndexedMark>): Promise<void> {
    this.#isEmpty = marks.size === 0
    return Promise.resolve()
  }

  discard(): void {}

  async nearest(query: Float32Array, limit: number, keep: Keep, roles: readonly Role[]): Promise<NearMessage[]> {
    const to = `[${query.join(',')}]`
    // Several passages of one message, and messages that the caller leaves out, may be among the nearest.
    const options = { filter: { ...this.#filter, role: { $in: roles } }, limit: 2 * limit }
    const near = new Map<string, NearMessage>()
    for (const { document, similarity } of (await this.#context.shapes.vectors.nearest('vector', to, options)) ?? []) {
      const { conversationId, seq } = document.data
      const key = `${conversationId}/${seq}`
      if (!near.has(key) && keep(document.data)) near.set(key, { conversationId, seq, similarity })
    }
    return [...near.values()].slice(0, limit)
  }
}
