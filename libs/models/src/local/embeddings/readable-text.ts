// The model takes 128 pieces of words, about 500 characters; its tokenizer takes more than a second for 20,000.
const readUnits = 2000

/** What the model is given of a text: its beginning, on one line. `undefined`: it knows nothing of what stands there. To this model, which knows
 *  English and what is spelt like it, all words of other scripts are the same unknown one, so that all texts of them would mean the same. */
export function readableText(text: string): string | undefined {
  const beginning = text
    .slice(0, readUnits)
    .replace(/\p{Surrogate}/gu, '')
    .replace(/\s+/gu, ' ')
    .trim()
  const letters = beginning.match(/\p{L}/gu)?.length ?? 0
  const latin = beginning.match(/\p{Script=Latin}/gu)?.length ?? 0
  const isReadable = letters === 0 ? /\p{N}/u.test(beginning) : latin >= letters / 2
  return isReadable ? beginning : undefined
}
