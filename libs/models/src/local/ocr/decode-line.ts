export interface DecodedLine {
  readonly text: string
  /** Mean of how sure the model is of each character, 0 to 1. */
  readonly score: number
}

/** What the model says for each step from left to right, as text: the likeliest of its `kinds`, of which 0 is none, a repeated one once.
 *  (Connectionist temporal classification: Graves et al., ICML 2006.) */
export function decodeLine(steps: Float32Array, kinds: number, characters: readonly string[]): DecodedLine {
  let text = ''
  let [sum, count, before] = [0, 0, 0]
  for (let at = 0; at + kinds <= steps.length; at += kinds) {
    let [best, most] = [0, -Infinity]
    for (let kind = 0; kind < kinds; kind++) {
      const value = steps[at + kind] ?? 0
      if (value > most) [best, most] = [kind, value]
    }
    if (best !== 0 && best !== before) {
      text += characters[best - 1] ?? ''
      sum += most
      count++
    }
    before = best
  }
  return { text: text.trim(), score: count === 0 ? 0 : sum / count }
}
