import { HoldfastError } from '@holdfast/errors'
import type { Document } from '@holdfast/persistence'
import { type StoreContext, lostConversation } from './context.js'
import type { IfVersion, StateDocument } from './conversation-store.js'
import { isCode, noConversation, staleVersion } from './failures.js'
import { checkConversationId } from './ids.js'
import { checkJsonObject } from './json-object.js'
import { KeyedQueue } from './keyed-queue.js'
import { mergePatch } from './merge-patch.js'
import type { JsonObject } from './message.js'
import type { StateRecord } from './shapes.js'
import { checkInteger, exceedsBytes } from './validation.js'

// A race can only be lost to another process that won it; this many in a row mean that something is wrong.
const maxRaces = 100

/** One JSON object beside each conversation. */
export class States {
  readonly #context: StoreContext
  readonly #queue = new KeyedQueue()

  constructor(context: StoreContext) {
    this.#context = context
  }

  async get(id: string): Promise<StateDocument> {
    checkConversationId(id, 'id')
    const document = await this.#context.shapes.states.get(id)
    if (document === undefined) throw noConversation(id)
    return stateOf(document)
  }

  async patch(id: string, patch: JsonObject, options: IfVersion): Promise<StateDocument> {
    checkJsonObject(patch, 'patch')
    return this.#write(id, options, 'patch', (state) => mergePatch(state, patch))
  }

  async replace(id: string, state: JsonObject, options: IfVersion): Promise<StateDocument> {
    checkJsonObject(state, 'state')
    return this.#write(id, options, 'state', () => state)
  }

  async #write(
    id: string,
    { ifVersion }: IfVersion,
    field: string,
    change: (state: JsonObject) => JsonObject,
  ): Promise<StateDocument> {
    checkConversationId(id, 'id')
    if (ifVersion !== undefined) checkInteger(ifVersion, 'ifVersion', 0, Number.MAX_SAFE_INTEGER)
    return this.#queue.run(id, () => this.#writeInTurn(id, ifVersion, field, change))
  }

  async #writeInTurn(
    id: string,
    ifVersion: number | undefined,
    field: string,
    change: (state: JsonObject) => JsonObject,
  ): Promise<StateDocument> {
    const { states } = this.#context.shapes
    for (let race = 1; ; race += 1) {
      const current = await states.get(id)
      if (current === undefined) throw await lostConversation(this.#context, id)
      const { revision } = current.data
      if (ifVersion !== undefined && revision !== ifVersion) throw staleVersion(`State of ${id}`, revision, ifVersion)
      const record = { revision: revision + 1, json: this.#fitting(change(parse(current.data.json)), field) }
      try {
        return stateOf(await states.put(id, record, { ifVersion: current.version }))
      } catch (error) {
        if (!isCode(error, 'ABORTED') || race >= maxRaces) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, 2 ** race)))
      }
    }
  }

  #fitting(state: JsonObject, field: string): string {
    const json = JSON.stringify(state)
    if (!exceedsBytes(json, this.#context.stateBytes)) return json
    throw new HoldfastError(
      'RESOURCE_EXHAUSTED',
      `The state would be larger than ${this.#context.stateBytes} bytes: keep growing data in messages or blobs`,
      { reason: 'STATE_TOO_LARGE', fields: [{ field, description: 'makes the state too large' }] },
    )
  }
}

function stateOf({ data, updatedAt }: Document<StateRecord>): StateDocument {
  return { state: parse(data.json), version: data.revision, updatedAt }
}

/** JSON.parse defines members and never assigns them, so that `__proto__` stays data. */
function parse(json: string): JsonObject {
  return JSON.parse(json) as JsonObject
}
