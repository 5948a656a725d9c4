import { wordsOf } from './query-terms.js'

// About three lines: enough for a fact and what it belongs to.
const maxLength = 300

// Splitting 10 MB into sentences would hold up everything else in the process.
const longestRead = 20_000

/** The beginning of a text, as much of it as recall looks at. */
export function beginningOf(text: string): string {
  return text.length <= longestRead ? text : text.slice(0, longestRead).replace(/[\ud800-\udbff]$/, '')
}

/** The part of a text that says most about the terms: whole sentences around the one with most of them. An ellipsis
 *  stands where text was left out. */
export function passageOf(text: string, terms: readonly string[]): Passage {
  const sentences = sentencesOf(text)
  const hits = sentences.map((sentence) => termsIn(sentence, terms))
  const best = hits.indexOf(Math.max(...hits))
  let from = best
  let to = best + 1
  let length = sentences[best]?.length ?? 0
  for (;;) {
    const next = sentences[to]
    const previous = sentences[from - 1]
    if (next !== undefined && length + next.length < maxLength) {
      to++
      length += next.length
    } else if (previous !== undefined && length + previous.length < maxLength) {
      from--
      length += previous.length
    } else break
  }
  const words = cutAtWord(sentences.slice(from, to).join('').trimEnd(), maxLength)
  return {
    text: `${from > 0 ? '… ' : ''}${words}${to < sentences.length ? ' …' : ''}`,
    isQuestion: /[?？؟]["'”’)\]]*\s*$/u.test(sentences[best] ?? ''),
  }
}

export interface Passage {
  readonly text: string
  /** What has most of the terms was itself a question: no answer to anything. */
  readonly isQuestion: boolean
}

/** Cut between words where there are any, never within a character; with an ellipsis if something is missing. */
export function cutAtWord(text: string, length: number): string {
  if (text.length <= length) return text
  let end = 0
  for (const { index, segment } of graphemes.segment(text)) {
    if (index + segment.length > length) break
    end = index + segment.length
  }
  const space = text.lastIndexOf(' ', end)
  return `${text.slice(0, space > length / 2 ? space : end).trimEnd()}…`
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })

function sentencesOf(text: string): string[] {
  return [...segmenter.segment(text.trim().replace(/\s+/gu, ' '))].map(({ segment }) => segment)
}

/** How many of the terms the sentence has, endings aside: `dogs` has `dog`, and a script without spaces has what it contains. */
function termsIn(sentence: string, terms: readonly string[]): number {
  const words = wordsOf(sentence)
  const has = (term: string): boolean =>
    words.some((word) => word.startsWith(term) || (word.length >= 3 && term.startsWith(word))) ||
    (!/^[\p{Script=Latin}\p{N}'_-]+$/u.test(term) && sentence.includes(term))
  return terms.filter(has).length
}
