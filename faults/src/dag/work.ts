import { HoldfastError } from '@holdfast/errors'
import { type Json, contentHash } from '@holdfast/dag-execution'

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
