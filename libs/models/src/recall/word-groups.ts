const wordsInGroup = 3
const maxLength = 48

/** The text in pieces of a few words, as a language model would stream it; joined, they are the text. */
export function* wordGroups(text: string): Generator<string, void, undefined> {
  let group = ''
  let words = 0
  for (const word of text.match(/\s*\S+\s*/gu) ?? (text === '' ? [] : [text])) {
    for (const piece of word.length <= maxLength ? [word] : split(word)) {
      if (words === wordsInGroup || (words > 0 && group.length + piece.length > maxLength)) {
        yield group
        group = ''
        words = 0
      }
      group += piece
      words++
    }
  }
  if (group !== '') yield group
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Scripts without spaces, and what people paste. */
function split(word: string): string[] {
  const pieces: string[] = ['']
  for (const { segment } of graphemes.segment(word)) {
    const last = pieces.length - 1
    const piece = `${pieces[last]}${segment}`
    if (piece.length <= maxLength || pieces[last] === '') pieces[last] = piece
    else pieces.push(segment)
  }
  return pieces
}
