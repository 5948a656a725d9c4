import { HoldfastError } from '@holdfast/errors'
import type { Json, JsonObject } from '@holdfast/dag-execution'
import { contentHash } from '@holdfast/dag-execution/engine'

/** What a node of a random graph gives, or how it fails: it follows from what is asked, so that the same call gives the same whoever makes it. */
export function work({
  node,
  attempt,
  input,
}: {
  readonly node: string
  readonly attempt: number
  readonly input: Json
}): { readonly output: Json } {
  const hash = contentHash({ node, input })
  const isUnlucky = Number.parseInt(hash.slice(0, 4), 16) % 16 < (attempt === 1 ? 2 : 1)
  if (isUnlucky) throw new HoldfastError('UNAVAILABLE', `${node} fails`)
  return { output: { of: node, hash } }
}

/** The signals that a random graph may wait for. */
export function approvalsOf(graph: Json): string[] {
  const { nodes } = graph as { readonly nodes: readonly { readonly id: string; readonly type: string }[] }
  return nodes.flatMap(({ id, type }) => (type === 'approval' ? [id] : []))
}

/** Whether something is approved, by its name. */
export function answerTo(name: string): JsonObject {
  return { approved: Number.parseInt(contentHash(name).slice(0, 2), 16) % 4 > 0, by: 'campaign' }
}

/** What an executor process tells. */
export type ExecutorMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'call'
      readonly run: string
      readonly node: string
      readonly attempt: number
      readonly at: number
    }
