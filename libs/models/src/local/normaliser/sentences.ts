import { abbreviations, months, titles, weekdays } from './abbreviations.js'

/** Longer ones are cut at a comma, or between two words: nobody should wait for the sound of half a page. */
const maxCharacters = 400

const longestShort = 20

/** The sentences of a text, trimmed; a line that is empty ends one too. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .flatMap((paragraph) => splitParagraph(paragraph.replaceAll(/\s+/g, ' ').trim()))
    .flatMap(shortEnough)
}

function splitParagraph(text: string): string[] {
  const sentences: string[] = []
  let from = 0
  for (const { index, 0: end } of text.matchAll(/[.!?…]+["'”’)\]]*\s+(?=["'“‘([]?[\p{Lu}\p{N}])|[。！？]/gu)) {
    const until = index + end.length
    if (end.startsWith('.') && isShort(text.slice(Math.max(from, index - longestShort), index))) continue
    sentences.push(text.slice(from, until).trim())
    from = until
  }
  sentences.push(text.slice(from).trim())
  return sentences.filter((sentence) => sentence !== '')
}

/** Whether the full stop behind this belongs to its last word. */
function isShort(before: string): boolean {
  const word = /[\p{L}.]+$/u.exec(before)?.[0] ?? ''
  if (/^(?:\p{Lu}|(?:\p{L}\.)+\p{L})$/u.test(word)) return !/^[ap]\.m$/i.test(word)
  if (word in titles || /^(?:St|No|Nos|pp?|Ave|Blvd)$/i.test(word)) return true
  if (/^(?:etc|Jr|Sr|Inc|Ltd|Corp|Co)$/.test(word)) return false
  return (
    word in abbreviations || word in weekdays || (word.length < 5 && word !== 'May' && word.toLowerCase() in months)
  )
}

function shortEnough(sentence: string): string[] {
  const pieces: string[] = []
  let rest = sentence
  while (rest.length > maxCharacters) {
    const head = rest.slice(0, maxCharacters)
    const comma = Math.max(head.lastIndexOf(', '), head.lastIndexOf('; '), head.lastIndexOf(': ')) + 1
    const cut = comma > maxCharacters / 3 ? comma : head.lastIndexOf(' ')
    const at = cut > 0 ? cut : maxCharacters
    pieces.push(rest.slice(0, at).trim())
    rest = rest.slice(at).trim()
  }
  if (rest !== '') pieces.push(rest)
  return pieces
}
