const maxPassages = 8
// A sentence encoder reads about the first 500 characters, and blurs what says many things.
const passageUnits = 450
const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })

/** What is embedded of a text: whole sentences together, about a paragraph at a time, the first ones only of a very long text. Empty: there
 *  is nothing in it that could mean something. */
export function passagesOf(text: string): string[] {
  const plain = text
    .slice(0, maxPassages * passageUnits)
    .replace(/[\ud800-\udbff]$/, '')
    .replace(/\s+/gu, ' ')
    .trim()
  if (!/[\p{L}\p{N}]/u.test(plain)) return []
  if (plain.length <= passageUnits) return [plain]
  const passages: string[] = []
  let passage = ''
  for (const { segment } of sentences.segment(plain)) {
    if (passage !== '' && passage.length + segment.length > passageUnits) {
      passages.push(passage)
      passage = ''
    }
    passage += segment
  }
  return [...passages, passage]
    .map((one) => one.trim().slice(0, 2 * passageUnits))
    .filter((one) => /[\p{L}\p{N}]/u.test(one))
    .slice(0, maxPassages)
}
