import type { Document } from '@holdfast/persistence'
import type { StoreContext } from './context.js'
import type { IfVersion, StateDocument } from './conversation-store.js'
import { isCode, noConversation, staleVersion } from './failures.js'
import { checkConversationId } from './ids.js'
import type { JsonObject } from './message.js'
import { refuseErased } from './erased-users.js'
import type { StateRecord } from './shapes.js'

const maxRaces = 100
const maxTemporary = 10_000

/** What a state belongs to, besides a conversation. */
export type SharedScope = { readonly scope: 'app' } | { readonly scope: 'user'; readonly userId: string }

/** The states of the application and of users: documents that are made by the first change. */
export class SharedStates {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async get(scope: SharedScope): Promise<StateDocument> {
    return sharedStateOf(await this.#context.shapes.sharedStates.get(idOf(scope)))
  }

  /** @param change from the JSON text that is stored to that which is to be */
  async write(scope: SharedScope, { ifVersion }: IfVersion, change: (json: string) => string): Promise<StateDocument> {
    const id = idOf(scope)
    const { sharedStates } = this.#context.shapes
    for (let race = 1; ; race += 1) {
      const current = await sharedStates.get(id)
      const revision = current?.data.revision ?? 0
      if (ifVersion !== undefined && revision !== ifVersion)
        throw staleVersion(`The state of ${id}`, revision, ifVersion)
      const record = { revision: revision + 1, json: change(current?.data.json ?? '{}') }
      try {
        return sharedStateOf(await this.#put(scope, record, current?.version ?? 0))
      } catch (error) {
        if (!isCode(error, 'ABORTED') || race >= maxRaces) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, 2 ** race)))
      }
    }
  }

  /** A user who was erased gets no new state. */
  async #put(scope: SharedScope, record: StateRecord, ifVersion: number): Promise<Document<StateRecord>> {
    const { shapes } = this.#context
    const id = idOf(scope)
    if (scope.scope === 'app') return shapes.sharedStates.put(id, record, { ifVersion })
    await refuseErased(shapes, scope.userId)
    const made = await shapes.sharedStates.put(id, record, { ifVersion })
    try {
      await refuseErased(shapes, scope.userId)
    } catch (error) {
      if (isCode(error, 'FAILED_PRECONDITION')) await shapes.sharedStates.deleteOne(id)
      throw error
    }
    return made
  }
}

export function idOf(scope: SharedScope): string {
  return scope.scope === 'app' ? 'app' : `user/${scope.userId}`
}

function sharedStateOf(document: Document<StateRecord> | undefined): StateDocument {
  if (document === undefined) return { state: {}, version: 0, updatedAt: new Date(0) }
  const { data, updatedAt } = document
  return { state: JSON.parse(data.json) as JsonObject, version: data.revision, updatedAt }
}

/** States that are stored nowhere: they are this process's, and last until a turn of the conversation ends here, the conversation is deleted or
 *  the store is closed. Of very many the oldest go. */
export class TemporaryStates {
  readonly #context: StoreContext
  readonly #states = new Map<string, StateDocument>()

  constructor(context: StoreContext) {
    this.#context = context
  }

  get(id: string): StateDocument {
    checkConversationId(id, 'conversationId')
    return this.#states.get(id) ?? { state: {}, version: 0, updatedAt: new Date(0) }
  }

  async write(id: string, { ifVersion }: IfVersion, change: (json: string) => string): Promise<StateDocument> {
    checkConversationId(id, 'conversationId')
    if ((await this.#context.shapes.states.get(id)) === undefined) throw noConversation(id)
    const { state, version } = this.get(id)
    if (ifVersion !== undefined && version !== ifVersion)
      throw staleVersion(`The temp state of ${id}`, version, ifVersion)
    const changed = {
      state: JSON.parse(change(JSON.stringify(state))) as JsonObject,
      version: version + 1,
      updatedAt: new Date(),
    }
    this.#states.delete(id)
    this.#states.set(id, changed)
    for (const [oldest] of this.#states) {
      if (this.#states.size <= maxTemporary) break
      this.#states.delete(oldest)
    }
    return changed
  }

  forget(id: string): void {
    this.#states.delete(id)
  }
}
