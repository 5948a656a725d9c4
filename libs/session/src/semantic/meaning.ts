import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { StoreContext } from '../context.js'
import { type Embedder, modelKeyOf } from './embedder.js'
import { UserVectors } from './user-vectors.js'

export type EmbeddedQuery =
  | { readonly kind: 'vector'; readonly vector: Float32Array }
  /** The model can read nothing of it, or was not there in time. */
  | { readonly kind: 'unread' | 'late' }
  | { readonly kind: 'failed'; readonly failure: HoldfastError }

/** What searching by meaning needs besides the words: the model, for queries, and the vectors of users. */
export class Meaning {
  readonly model: string
  readonly #context: StoreContext
  readonly #embedder: Embedder
  readonly #waitMs: number

  /** @param waitMs how long a search waits for the model; until then it may be loading, or embedding what was said */
  constructor(context: StoreContext, embedder: Embedder, waitMs: number) {
    this.model = modelKeyOf(embedder)
    this.#context = context
    this.#embedder = embedder
    this.#waitMs = waitMs
  }

  vectors(capacity: number): UserVectors {
    return new UserVectors(this.#context, this.model, this.#embedder.dimensions, capacity)
  }

  /** Never throws: words are searched for all the same. */
  async embed(text: string): Promise<EmbeddedQuery> {
    if (text.trim() === '') return { kind: 'unread' }
    // What is begun is not stopped: a model that loads is there for the next search.
    const embedding = this.#embedder.embed([text]).then(
      ({ vectors: [vector] }): EmbeddedQuery =>
        vector?.some((number) => number !== 0) === true ? { kind: 'vector', vector } : { kind: 'unread' },
      (error: unknown): EmbeddedQuery => ({
        kind: 'failed',
        failure: asHoldfastError(error, `Model ${this.#embedder.name}`),
      }),
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<EmbeddedQuery>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'late' }), this.#waitMs)
    })
    try {
      return await Promise.race([embedding, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
