import type { Scope, TenantStore } from '@holdfast/persistence'
import type { Histories } from './history/histories.js'
import { conversationDeleted, noConversation } from './failures.js'
import type { Shapes } from './shapes.js'
import { shapesOf } from './shapes.js'

/** What the parts of one conversation store have in common. */
export interface StoreContext {
  readonly store: TenantStore
  readonly shapes: Shapes
  readonly histories: Histories
  /** Milliseconds since 1970 by the database's clock. */
  readonly now: () => Promise<number>
  readonly processId: string
  /** No other process can have the data open, so that turns of other names are dead. */
  readonly singleOwner: boolean
  readonly textBytes: number
  readonly stateBytes: number
  /** Told of each conversation that this process appended to or changed. */
  readonly changed: (conversationId: string) => void
  readonly reportFailure: (doing: string, error: unknown) => void
}

// Appends to one conversation and the end of its turn meet at the head of one stream; on a busy one a transaction loses
// more often than the store's default of 10 tries allows for.
const maxAttempts = 40

/** One commit over all shapes; the work may run several times. */
export function commit<R>(context: StoreContext, work: (tx: Shapes) => Promise<R>): Promise<R> {
  return context.store.transaction((tx: Scope) => work(shapesOf(tx)), { maxAttempts })
}

/** Why a write found no conversation. */
export async function lostConversation(context: StoreContext, id: string): Promise<Error> {
  const { removed } = await context.shapes.messages.head(id)
  return removed ? conversationDeleted(id) : noConversation(id)
}
