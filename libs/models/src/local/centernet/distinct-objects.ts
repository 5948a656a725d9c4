import type { Box, DetectedObject } from '../../vision-model.js'

/** Two boxes of one label that share more than this, of both together, are one object. */
const sameLabelOverlap = 0.5
/** Two boxes of different labels are one object, whose label is the surer one: a horse that may be a cow. */
const anyLabelOverlap = 0.85

/** Highest score first, each object once. (Greedy non-maximum suppression.) */
export function distinctObjects(candidates: readonly DetectedObject[]): DetectedObject[] {
  const kept: DetectedObject[] = []
  for (const candidate of candidates.toSorted((one, other) => other.score - one.score)) {
    const isKnown = kept.some((one) => {
      const limit = one.label === candidate.label ? sameLabelOverlap : anyLabelOverlap
      return overlap(one.box, candidate.box) > limit
    })
    if (!isKnown) kept.push(candidate)
  }
  return kept
}

/** Intersection over union, 0 to 1. */
export function overlap(one: Box, other: Box): number {
  const wide = Math.min(one.left + one.width, other.left + other.width) - Math.max(one.left, other.left)
  const tall = Math.min(one.top + one.height, other.top + other.height) - Math.max(one.top, other.top)
  if (wide <= 0 || tall <= 0) return 0
  const shared = wide * tall
  return shared / (one.width * one.height + other.width * other.height - shared)
}
