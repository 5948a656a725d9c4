import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Document } from '@holdfast/persistence'
import { type StoreContext, lostConversation } from './context.js'
import type { IfVersion, StateDocument, StateTarget } from './conversation-store.js'
import { isCode, noConversation, staleVersion } from './failures.js'
import { checkConversationId, checkUserId } from './ids.js'
import { checkJsonObject } from './json-object.js'
import { KeyedQueue } from './keyed-queue.js'
import { mergePatch } from './merge-patch.js'
import type { JsonObject } from './message.js'
import type { StateRecord } from './shapes.js'
import { SharedStates, type SharedScope, TemporaryStates } from './scoped-states.js'
import { checkInteger, exceedsBytes, isObject } from './validation.js'

// A race can only be lost to another process that won it; this many in a row mean that something is wrong.
const maxRaces = 100

/** JSON objects beside conversations, users and the application. */
export class States {
  readonly #context: StoreContext
  readonly temporary: TemporaryStates
  readonly #shared: SharedStates
  readonly #queue = new KeyedQueue()

  constructor(context: StoreContext) {
    this.#context = context
    this.temporary = new TemporaryStates(context)
    this.#shared = new SharedStates(context)
  }

  async get(of: StateTarget): Promise<StateDocument> {
    const target = checkTarget(of)
    if (target.scope === 'temp') return this.temporary.get(target.conversationId)
    if (target.scope !== 'session') return this.#shared.get(target)
    const id = target.conversationId
    const document = await this.#context.shapes.states.get(id)
    if (document === undefined) throw noConversation(id)
    return stateOf(document)
  }

  async patch(of: StateTarget, patch: JsonObject, options: IfVersion): Promise<StateDocument> {
    checkJsonObject(patch, 'patch')
    return this.#write(of, options, 'patch', (state) => mergePatch(state, patch))
  }

  async replace(of: StateTarget, state: JsonObject, options: IfVersion): Promise<StateDocument> {
    checkJsonObject(state, 'state')
    return this.#write(of, options, 'state', () => state)
  }

  async #write(
    of: StateTarget,
    { ifVersion }: IfVersion,
    field: string,
    change: (state: JsonObject) => JsonObject,
  ): Promise<StateDocument> {
    const target = checkTarget(of)
    if (ifVersion !== undefined) checkInteger(ifVersion, 'ifVersion', 0, Number.MAX_SAFE_INTEGER)
    const condition = ifVersion === undefined ? {} : { ifVersion }
    const changeText = (json: string): string => this.#fitting(change(parse(json)), field)
    return this.#queue.run(JSON.stringify(target), () => {
      if (target.scope === 'temp') return this.temporary.write(target.conversationId, condition, changeText)
      if (target.scope !== 'session') return this.#shared.write(target, condition, changeText)
      return this.#writeInTurn(target.conversationId, ifVersion, field, change)
    })
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

type CheckedTarget =
  | SharedScope
  | { readonly scope: 'session'; readonly conversationId: string }
  | { readonly scope: 'temp'; readonly conversationId: string }

/** @throws INVALID_ARGUMENT */
function checkTarget(of: StateTarget): CheckedTarget {
  if (typeof of === 'string') return { scope: 'session', conversationId: checkConversationId(of, 'id') }
  if (!isObject(of)) throw invalidField('of', 'must be the id of a conversation or name a scope')
  switch (of.scope) {
    case 'app':
      return { scope: 'app' }
    case 'user': {
      if (of.userId === '') throw invalidField('userId', 'must not be empty: nobody has no state')
      return { scope: 'user', userId: checkUserId(of.userId, 'userId') }
    }
    case 'session':
      return { scope: 'session', conversationId: checkConversationId(of.conversationId, 'conversationId') }
    case 'temp':
      return { scope: 'temp', conversationId: checkConversationId(of.conversationId, 'conversationId') }
    default:
      throw invalidField('scope', 'must be app, user, session or temp')
  }
}

function stateOf({ data, updatedAt }: Document<StateRecord>): StateDocument {
  return { state: parse(data.json), version: data.revision, updatedAt }
}

/** JSON.parse defines members and never assigns them, so that `__proto__` stays data. */
function parse(json: string): JsonObject {
  return JSON.parse(json) as JsonObject
}
