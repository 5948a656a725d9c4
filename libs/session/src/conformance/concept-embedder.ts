import { HoldfastError } from '@holdfast/errors'
import type { Embedder } from '../semantic/embedder.js'

/** Words that mean the same here. */
const concepts = [
  ['dog', 'puppy', 'hound'],
  ['train', 'railway', 'locomotive'],
  ['eat', 'meal', 'dinner', 'restaurant'],
  ['money', 'salary', 'wage'],
  ['ocean', 'sea'],
  ['physician', 'doctor'],
]

/** A model for tests that knows a few words and which of them mean the same; every other word is a direction of its own, by its letters. It counts
 *  what it is given, and fails when told to. */
export class ConceptEmbedder implements Embedder {
  readonly name = 'concepts'
  readonly version: string
  readonly dimensions = 64
  readonly embedded: string[] = []
  /** Thrown for texts that have this in them. */
  poison: string | undefined
  failure: HoldfastError | undefined
  /** Called before each batch. */
  before: (texts: readonly string[]) => Promise<void> | void = () => {}

  constructor(version = '1') {
    this.version = version
  }

  async embed(texts: readonly string[]): Promise<{ readonly vectors: readonly Float32Array[] }> {
    await this.before(texts)
    if (this.failure !== undefined) throw this.failure
    const { poison } = this
    if (poison !== undefined && texts.some((text) => text.includes(poison))) {
      throw new HoldfastError('INTERNAL', 'The model cannot read this')
    }
    this.embedded.push(...texts)
    return { vectors: texts.map((text) => this.#vector(text)) }
  }

  #vector(text: string): Float32Array {
    const vector = new Float32Array(this.dimensions)
    for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
      const concept = concepts.findIndex((words) => words.includes(word))
      const letters = Array.from(Buffer.from(word), (letter, place) => letter * (place + 7)).reduce(
        (sum, one) => sum + one,
        0,
      )
      const place = concept === -1 ? concepts.length + (letters % (this.dimensions - concepts.length)) : concept
      vector[place] = (vector[place] ?? 0) + (concept === -1 ? 0.2 : 1)
    }
    const length = Math.hypot(...vector)
    return length === 0 ? vector : vector.map((number) => number / length)
  }
}
