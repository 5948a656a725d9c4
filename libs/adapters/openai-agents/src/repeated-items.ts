import { isDeepStrictEqual } from 'node:util'

/** Whether an item names a call of a tool, or its result. Only such items can be known again: two messages with the same text are two. */
export function namesCall(json: string): boolean {
  const { callId } = JSON.parse(json) as { readonly callId?: unknown }
  return typeof callId === 'string' && callId !== ''
}

/** How many of the first items repeat the end of the history: a run that goes on after an interruption may hand in again what it has
 *  stored before (openai-agents-js#701). Without a call among them it is no repetition. Members may come in another order, as a
 *  serialized run brings them back. */
export function countRepeated(history: readonly string[], items: readonly string[]): number {
  for (let count = Math.min(history.length, items.length); count > 0; count -= 1) {
    const repeated = items.slice(0, count)
    if (!repeated.some(namesCall)) return 0
    if (sameItems(history.slice(-count), repeated)) return count
  }
  return 0
}

/** The order of members aside. */
export function sameItems(some: readonly string[], others: readonly string[]): boolean {
  const parse = (json: string): unknown => JSON.parse(json)
  return some.length === others.length && isDeepStrictEqual(some.map(parse), others.map(parse))
}
