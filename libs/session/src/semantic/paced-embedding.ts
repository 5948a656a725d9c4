import { HoldfastError } from '@holdfast/errors'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCode } from '../failures.js'
import type { Embedder } from './embedder.js'

// Together they take about 9 ms each, one by one 25; a question that somebody waits for has to wait for one batch.
const textsAtOnce = 16

/** Embeds in batches and rests after each, so that it works a part of the time only. */
export class PacedEmbedding {
  readonly #embedder: Embedder
  readonly #duty: number
  readonly #signal: AbortSignal

  constructor(embedder: Embedder, duty: number, signal: AbortSignal) {
    this.#embedder = embedder
    this.#duty = duty
    this.#signal = signal
  }

  /** @returns `undefined` for a text that the model cannot read, though it reads others. @throws what keeps the model from working */
  async embed(texts: readonly string[]): Promise<(Float32Array | undefined)[]> {
    const vectors: (Float32Array | undefined)[] = []
    for (let from = 0; from < texts.length; from += textsAtOnce) {
      const startedAt = performance.now()
      vectors.push(...(await this.#batch(texts.slice(from, from + textsAtOnce))))
      const workedMs = performance.now() - startedAt
      if (this.#duty < 1) await sleep(workedMs * (1 / this.#duty - 1), undefined, { signal: this.#signal, ref: false })
    }
    return vectors
  }

  async #batch(texts: readonly string[]): Promise<(Float32Array | undefined)[]> {
    const options = { signal: this.#signal }
    try {
      const { vectors } = await this.#embedder.embed(texts, options)
      if (vectors.length === texts.length) return [...vectors]
      throw new HoldfastError(
        'INTERNAL',
        `Model ${this.#embedder.name} gave ${vectors.length} vectors for ${texts.length} texts`,
      )
    } catch (error) {
      // A text that the model cannot read must not keep all others from being found.
      if (!isCode(error, 'INVALID_ARGUMENT', 'INTERNAL') || this.#signal.aborted) throw error
    }
    const vectors: (Float32Array | undefined)[] = []
    let failure: unknown
    for (const text of texts) {
      const [vector] = await this.#embedder.embed([text], options).then(
        (embedded) => embedded.vectors,
        (error: unknown) => {
          if (!isCode(error, 'INVALID_ARGUMENT', 'INTERNAL')) throw error
          failure = error
          return []
        },
      )
      vectors.push(vector)
    }
    if (failure !== undefined && vectors.every((vector) => vector === undefined)) {
      await this.#embedder.embed(['Are you there?'], options)
    }
    return vectors
  }
}
