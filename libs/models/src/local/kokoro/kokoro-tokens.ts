/** The symbols that English has, with the number of the first one of each row. Source: config.json of hexgrad/Kokoro-82M, `vocab`. */
const rows: readonly (readonly [number, string])[] = [
  [1, ';:,.!?'],
  [11, '"()'],
  [16, ' '],
  [24, 'AI'],
  [31, 'O'],
  [33, 'Q'],
  [35, 'ST'],
  [39, 'W'],
  [41, 'Yᵊabcdef'],
  [50, 'hijklmnopqrstuvwxyz'],
  [69, 'ɑɐɒæ'],
  [76, 'ɔ'],
  [81, 'ðʤə'],
  [85, 'ɚɛɜ'],
  [92, 'ɡ'],
  [102, 'ɪ'],
  [112, 'ŋ'],
  [119, 'θ'],
  [123, 'ɹ'],
  [125, 'ɾ'],
  [131, 'ʃ'],
  [133, 'ʧ'],
  [135, 'ʊ'],
  [138, 'ʌ'],
  [147, 'ʒʔ'],
  [156, 'ˈˌː'],
  [177, 'ᵻ'],
]

const numbers = new Map(
  rows.flatMap(([first, row]) => Array.from(row, (symbol, index) => [symbol, first + index] as const)),
)
const space = 16

/** As many as a voice has styles for. */
export const maxTokens = 510

/** Phonemes as the model takes them, in pieces that it can take, cut between words where there are any. What is no symbol of it is left out. */
export function tokensOf(phonemes: string, limit: number = maxTokens): number[][] {
  let rest = Array.from(phonemes.trim(), (one) => numbers.get(one)).filter((token) => token !== undefined)
  const pieces: number[][] = []
  while (rest.length > limit) {
    const cut = rest.slice(0, limit).lastIndexOf(space)
    const at = cut > 0 ? cut : limit
    pieces.push(rest.slice(0, at))
    rest = rest.slice(cut > 0 ? at + 1 : at)
  }
  if (rest.length > 0) pieces.push(rest)
  return pieces
}
