import type { StoreContext } from './context.js'
import type { ActiveTurn } from './shapes.js'

/** Makes room for the next turn. Does nothing if somebody else did. */
export async function releaseTurn(context: StoreContext, id: string, { token, nonce }: ActiveTurn): Promise<void> {
  const held = { _id: id, status: 'active', token, nonce }
  await context.shapes.turns.updateOne(held, { $set: { status: 'idle' } })
}
