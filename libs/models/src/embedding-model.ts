import type { ModelCallOptions, ModelUsage, ServiceModel } from './service-model.js'

/** Turns texts into vectors that are near each other when the texts mean something alike. */
export interface EmbeddingModel extends ServiceModel {
  /** Numbers in each vector. */
  readonly dimensions: number
  /** One vector of length 1 for each text, in their order; all zero for a text of which the model can read nothing. Texts longer than what the model
   *  reads are embedded by their beginning.
   *  @throws INVALID_ARGUMENT for no texts; CANCELLED; as the model says */
  embed(texts: readonly string[], options?: ModelCallOptions): Promise<Embeddings>
}

export interface Embeddings {
  readonly vectors: readonly Float32Array[]
  readonly usage: ModelUsage
}
