/** The least number of words that have to be inserted, deleted or replaced to get from one text to the other; case, punctuation and
 *  hyphens do not count. */
export function wordErrors(expected: string, heard: string): { readonly errors: number; readonly words: number } {
  const from = wordsOf(expected)
  const to = wordsOf(heard)
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, word] of from.entries()) {
    const next = [i + 1]
    for (const [j, other] of to.entries()) {
      const replaced = (row[j] ?? 0) + (word === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return { errors: row[to.length] ?? 0, words: from.length }
}

function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll(/['’]/g, '')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
}
