import type { NodeError, Outputs } from '../run/events.js'
import type { Json } from '../graph/graph.js'

/** How a call ended, or what it tells meanwhile. */
export type CallNews = { readonly node: string; readonly attempt: number } & (
  | { readonly type: 'completed'; readonly outputs: Outputs; readonly from?: 'cache' }
  | { readonly type: 'failed'; readonly error: NodeError }
  | { readonly type: 'cancelled' }
  | { readonly type: 'progress'; readonly progress: Json }
)
