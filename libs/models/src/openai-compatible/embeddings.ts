import { invalidField } from '@holdfast/errors'
import type { Embeddings, EmbeddingModel } from '../embedding-model.js'
import type { ModelCallOptions } from '../service-model.js'
import { notCompatible } from './failures.js'
import { JsonAnswer } from './json-answer.js'
import { OpenAiServiceModel, type OpenAiServiceModelOptions } from './service-model-base.js'

export interface OpenAiEmbeddingOptions extends OpenAiServiceModelOptions {
  /** Numbers in each vector. Default: what is known of OpenAI's own models; others must say it. */
  readonly dimensions?: number
}

/** Source: https://platform.openai.com/docs/guides/embeddings */
const knownDimensions: ReadonlyMap<string, number> = new Map([
  ['text-embedding-3-small', 1536],
  ['text-embedding-3-large', 3072],
  ['text-embedding-ada-002', 1536],
])

// OpenAI takes 2,048 texts and 300,000 tokens in a request; other servers take less.
const batchTexts = 64

/** An embedding model behind `/embeddings`. Errors as of `openAiCompatibleModel`.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiEmbeddingModel(options: OpenAiEmbeddingOptions): EmbeddingModel {
  return new OpenAiEmbeddingModel(options)
}

class OpenAiEmbeddingModel extends OpenAiServiceModel implements EmbeddingModel {
  readonly dimensions: number

  constructor({ dimensions, ...options }: OpenAiEmbeddingOptions) {
    super(options)
    const known = dimensions ?? knownDimensions.get(options.model)
    if (known === undefined || !Number.isInteger(known) || known < 1) {
      throw invalidField('dimensions', `must say how many numbers a vector of ${options.model} has`)
    }
    this.dimensions = known
  }

  async embed(texts: readonly string[], { signal }: ModelCallOptions = {}): Promise<Embeddings> {
    if (texts.length === 0) throw invalidField('texts', 'is empty: send at least one text')
    const vectors: Float32Array[] = []
    let inputTokens = 0
    for (let at = 0; at < texts.length; at += batchTexts) {
      // An empty text is refused by OpenAI.
      const input = texts.slice(at, at + batchTexts).map((text) => (text === '' ? ' ' : text))
      const answer = await this.endpoint.answer(signal, (until) => this.#ask(input, until))
      vectors.push(...answer.vectors)
      inputTokens += answer.inputTokens
    }
    return { vectors, usage: inputTokens === 0 ? {} : { inputTokens } }
  }

  async #ask(input: string[], signal: AbortSignal): Promise<{ vectors: Float32Array[]; inputTokens: number }> {
    const { client, settings, redact } = this.endpoint
    const { model } = settings
    const body: unknown = await client.embeddings.create({ model, input, encoding_format: 'float' }, { signal })
    const answer = new JsonAnswer(body, redact)
    const data = answer.required(answer.member('data')?.items(), 'data')
    if (data.length !== input.length) throw notCompatible(`${data.length} vectors for ${input.length} texts`, redact)
    const vectors: Float32Array[] = []
    for (const [place, item] of data.entries()) {
      const numbers = item.required(item.member('embedding')?.items(), 'an embedding')
      if (numbers.length !== this.dimensions) {
        throw invalidField(
          'dimensions',
          `is ${this.dimensions}, but ${model} makes vectors of ${numbers.length} numbers`,
        )
      }
      vectors[item.number('index') ?? place] = ofLengthOne(numbers.map(({ value }) => Number(value)))
    }
    return { vectors, inputTokens: answer.member('usage')?.number('prompt_tokens') ?? 0 }
  }
}

function ofLengthOne(numbers: readonly number[]): Float32Array {
  const length = Math.hypot(...numbers)
  return Float32Array.from(numbers, (one) => (length === 0 ? 0 : one / length))
}
