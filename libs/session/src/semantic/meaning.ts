import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { StoreContext } from '../context.js'
import { type Embedder, modelKeyOf } from './embedder.js'
import type { NearMessages } from './near-messages.js'
import { ServerVectors } from './server-vectors.js'
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
  #onServer: Promise<boolean> | undefined

  /** @param waitMs how long a search waits for the model; until then it may be loading, or embedding what was said */
  constructor(context: StoreContext, embedder: Embedder, waitMs: number) {
    this.model = modelKeyOf(embedder)
    this.#context = context
    this.#embedder = embedder
    this.#waitMs = waitMs
  }

  /** @param capacity how many are held at most, where the database does not compare them */
  async vectorsOf(userId: string, capacity: number): Promise<NearMessages> {
    return (await this.#comparesOnServer())
      ? new ServerVectors(this.#context, userId, this.model)
      : new UserVectors(this.#context, this.model, this.#embedder.dimensions, capacity)
  }

  #comparesOnServer(): Promise<boolean> {
    this.#onServer ??= this.#context.shapes.vectors
      .nearest('vector', '[1]', { filter: { userId: '', model: '' }, limit: 1 })
      .then((near) => near !== undefined)
      .catch((error: unknown) => {
        this.#onServer = undefined
        throw error
      })
    return this.#onServer
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
