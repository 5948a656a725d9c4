import { createHash } from 'node:crypto'
import { invalidField } from '@holdfast/errors'

/** Turns texts into vectors that are near each other when the texts mean something alike; the embedding models of `@holdfast/models` do. */
export interface Embedder {
  /** Name and version together say which vectors can be compared: others are made anew. */
  readonly name: string
  readonly version: string
  /** Numbers in each vector. */
  readonly dimensions: number
  /** One vector of length 1 for each text, in their order; all zero: the model can read nothing of it. */
  embed(
    texts: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly vectors: readonly Float32Array[] }>
}

/** Names the vectors of one model and version in what is stored; a field's name, so without dots. */
export function modelKeyOf({ name, version, dimensions }: Embedder): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([name, version, dimensions]))
    .digest('hex')
  return `m${digest.slice(0, 16)}`
}

/** @throws INVALID_ARGUMENT naming the field at fault */
export function checkEmbedder(embedder: Embedder, field: string): Embedder {
  const { name, version, dimensions } = embedder
  if (typeof name !== 'string' || name === '') throw invalidField(`${field}.name`, 'must be a name')
  if (typeof version !== 'string' || version === '') throw invalidField(`${field}.version`, 'must be a version')
  if (!Number.isSafeInteger(dimensions) || dimensions < 1 || dimensions > 4000) {
    throw invalidField(`${field}.dimensions`, 'must be an integer from 1 to 4,000')
  }
  if (typeof embedder.embed !== 'function') throw invalidField(`${field}.embed`, 'must be a function')
  return embedder
}
