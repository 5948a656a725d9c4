import { createHash, randomUUID } from 'node:crypto'
import type { AgentInputItem, Session } from '@openai/agents-core'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { TenantStore } from '@holdfast/persistence'
import { decodeItem, encodeItem } from './item-json.js'
import { StoredItems } from './stored-items.js'

export interface HoldfastSessionOptions {
  /** Where the items are durable, from `openDocumentStore`, or a tenant of it; it is not closed with the session. */
  readonly store: TenantStore
  /** 1 to 512 characters; default: a new one. The same id is the same session, in every process. */
  readonly sessionId?: string
  /** Name of the log that holds the items of all sessions; default `agent-items`. */
  readonly log?: string
}

/** As `SessionHistoryTransactionArgs` of the SDK, which has it from 0.14 on. */
export interface HistoryTransactionArgs {
  readonly operationId: string
  readonly transaction:
    | { readonly type: 'append_items'; readonly items: AgentInputItem[] }
    | {
        readonly type: 'replace_suffix'
        readonly expectedSuffix: AgentInputItem[]
        readonly replacement: AgentInputItem[]
      }
}

/** As `SessionHistoryRewriteArgs` of the SDK. */
export interface HistoryRewriteArgs {
  readonly mutations: readonly {
    readonly type: 'replace_function_call'
    readonly callId: string
    readonly replacement: AgentInputItem
  }[]
}

/** A session of the OpenAI Agents SDK whose items are durable. Every method: UNAVAILABLE when the database is away; UNKNOWN when
 *  nobody can say whether a write took effect; FAILED_PRECONDITION when items are added to a session that was deleted. */
export class HoldfastSession implements Session {
  readonly #id: string
  readonly #items: StoredItems
  readonly #log: string

  /** @throws INVALID_ARGUMENT naming the option at fault */
  constructor({ store, sessionId = randomUUID(), log = 'agent-items' }: HoldfastSessionOptions) {
    if (typeof sessionId !== 'string' || sessionId.length < 1 || sessionId.length > 512) {
      throw invalidField('sessionId', 'must be 1 to 512 characters long')
    }
    this.#id = sessionId
    this.#log = log
    this.#items = new StoredItems(store, log, sessionId)
  }

  async getSessionId(): Promise<string> {
    return this.#id
  }

  /** The newest `limit`, or all, oldest first. */
  async getItems(limit: number = Number.POSITIVE_INFINITY): Promise<AgentInputItem[]> {
    if (!(limit > 0)) return []
    return (await this.#items.latest(Math.ceil(limit))).map(decodeItem)
  }

  /** All in one commit. Items that repeat the end of the history, with a call of a tool among them, are stored already. */
  async addItems(items: AgentInputItem[]): Promise<void> {
    if (items.length > 0) await this.#items.add(encodeItems(items, 'items'))
  }

  async popItem(): Promise<AgentInputItem | undefined> {
    const json = await this.#items.pop()
    return json === undefined ? undefined : decodeItem(json)
  }

  /** Erases all items; the session goes on, empty. */
  async clearSession(): Promise<void> {
    await this.#items.clear()
  }

  /** Erases all items for good: adding to the session fails from now on, also for a run that is still under way. */
  async deleteSession(): Promise<void> {
    await this.#items.remove()
  }

  /** In one commit, where the SDK by itself would clear and fill again. */
  async replaceHistoryWithCompaction(items: AgentInputItem[]): Promise<void> {
    await this.#items.replaceAll(encodeItems(items, 'items'))
  }

  async applyHistoryMutations({ mutations }: HistoryRewriteArgs): Promise<void> {
    const replacements = new Map(
      mutations.map(({ callId, replacement }, index) => [
        callId,
        { json: encodeItem(replacement, `mutations[${index}].replacement`), used: false },
      ]),
    )
    // Run again after a conflict, it begins anew.
    await this.#items.rewrite(() => {
      for (const replacement of replacements.values()) replacement.used = false
      return (json) => {
        const item = decodeItem(json)
        const replacement = item.type === 'function_call' ? replacements.get(item.callId) : undefined
        if (replacement === undefined) return json
        if (replacement.used) return null
        replacement.used = true
        return replacement.json
      }
    })
  }

  /** Takes effect once for its `operationId`, which is remembered for seven days.
   *  @throws FAILED_PRECONDITION with reason HISTORY_CHANGED if the history ends otherwise; ALREADY_EXISTS if the id was used for another change */
  async applyHistoryTransaction({ operationId, transaction }: HistoryTransactionArgs): Promise<void> {
    if (typeof operationId !== 'string' || operationId.trim() === '') {
      throw invalidField('operationId', 'must not be empty')
    }
    const change =
      transaction.type === 'append_items'
        ? { expected: [], replacement: encodeItems(transaction.items, 'transaction.items') }
        : {
            expected: encodeItems(transaction.expectedSuffix, 'transaction.expectedSuffix'),
            replacement: encodeItems(transaction.replacement, 'transaction.replacement'),
          }
    const digest = digestOf(change)
    const key = digestOf(['agent session', this.#log, this.#id, operationId])
    if ((await this.#items.changeSuffix(change, key, digest)) !== digest) {
      throw new HoldfastError('ALREADY_EXISTS', `Operation ${operationId} was applied with another change before`)
    }
  }
}

function encodeItems(items: readonly AgentInputItem[], field: string): string[] {
  return items.map((item, index) => encodeItem(item, `${field}[${index}]`))
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
