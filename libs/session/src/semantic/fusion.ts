/** A message that was found, and how. */
export interface Candidate {
  readonly conversationId: string
  readonly seq: number
  /** BM25 of its words, if they were found. */
  readonly words?: number
  /** How much of what the query says its words say, from 0 to 1. */
  readonly share?: number
  /** Cosine of its nearest passage to the query, if it is among the nearest. */
  readonly similarity?: number
}

export interface Fused extends Candidate {
  readonly score: number
}

/** No more alike than this are also texts that have nothing to do with each other. */
export const leastSimilarity = 0.2

// Orders messages that have the same of the query's words.
const tieWeight = 0.01

/** Words and meaning in one order: half for how much of what the query says the message's words say, half for how near it is above the least
 *  similarity. Measured on real dialogues against reciprocal ranks, which do not know whether a find is a good one: decision 0043. */
export function fuse(candidates: readonly Candidate[]): Fused[] {
  const best = candidates.reduce((most, { words = 0 }) => Math.max(most, words), 0) || 1
  return candidates
    .map((candidate) => {
      const { words = 0, share = 0, similarity = 0 } = candidate
      const nearness = Math.max(0, similarity - leastSimilarity) / (1 - leastSimilarity)
      return { ...candidate, score: ((share + nearness) / 2) * (1 - tieWeight) + (tieWeight * words) / best }
    })
    .sort((a, b) => b.score - a.score)
}
