import { type Passage, beginningOf, cutAtWord, passageOf } from './passage.js'
import { wordsOf } from './query-terms.js'
import type { Quote } from './quote.js'

export const greeting: string =
  'Hello. I am recall, not a language model: I can only quote what you said before. Ask me about something that you told me.'

export const nothingToLookFor: string =
  'I am recall, not a language model: I can only quote what you said before, and your message names nothing to look for. ' +
  'Ask me about something that you told me.'

export const nobodyToQuote: string =
  'I am recall, not a language model: I can only quote what a user said before, and this conversation belongs to no user.'

export const nothingFound: string =
  'I am recall, not a language model: I can only quote what you said before, and I know nothing about this. ' +
  'Tell me about it, and I can quote it later.'

const heading = 'I am recall, not a language model: I can only quote what you said before.'

const maxQuotes = 3
const maxTitleLength = 80
// BM25 scores have no scale of their own; below half of the best one are mostly texts that share a common word with the question.
const minScoreRatio = 0.5
// Of 20 questions about what real dialogues never speak of, the nearest message was at 0.57 at most; of those whose answer is there in other words,
// half are above.
const minSimilarity = 0.58

/** What the quotes say about the question, or that there is nothing. The same quotes in any order give the same answer. */
export function answerFrom(quotes: readonly Quote[], question: Question): string {
  const found = quotedFrom(quotes, question)
  if (found.length === 0) return nothingFound
  return [heading, ...found.map((one) => sentenceOf(one, question.conversationId))].join('\n\n')
}

export interface Question {
  readonly text: string
  readonly terms: readonly string[]
  readonly conversationId: string | undefined
  /** The question's own number in its conversation. */
  readonly seq: number | undefined
}

interface Found {
  readonly quote: Quote
  readonly passage: Passage
}

/** The best quotes, each text once: branches of a conversation share their past, and people repeat themselves. */
function quotedFrom(quotes: readonly Quote[], question: Question): Found[] {
  const asked = wordsOf(question.text).join(' ')
  const seen = new Set([asked])
  const found: Found[] = []
  for (const quote of quotes.filter(isQuotable).sort(byRelevance)) {
    const text = beginningOf(quote.text)
    const said = wordsOf(text).join(' ')
    const isQuestion = quote.conversationId === question.conversationId && quote.seq === question.seq
    if (said === '' || isQuestion || seen.has(said)) continue
    seen.add(said)
    found.push({ quote, passage: passageOf(text, question.terms) })
  }
  const told = found.filter((one) => !one.passage.isQuestion)
  // A question answers nothing, but it is better than to deny that this was ever spoken of.
  const quotable = told.length > 0 ? told : found
  const best = quotable[0]?.quote.score ?? 0
  return quotable.filter((one) => one.quote.score >= best * minScoreRatio).slice(0, maxQuotes)
}

function isQuotable({ role, similarity }: Quote): boolean {
  return role === 'user' && (similarity === undefined || similarity >= minSimilarity)
}

function byRelevance(a: Quote, b: Quote): number {
  return (
    b.score - a.score || b.at.getTime() - a.at.getTime() || compare(a.conversationId, b.conversationId) || b.seq - a.seq
  )
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sentenceOf({ quote, passage }: Found, conversationId: string | undefined): string {
  const verb = passage.isQuestion ? 'asked' : 'said'
  return `On ${dateOf(quote.at)}, ${placeOf(quote, conversationId)}, you ${verb}: “${passage.text}”`
}

function placeOf(quote: Quote, conversationId: string | undefined): string {
  if (quote.conversationId === conversationId) return 'in this conversation'
  const title = cutAtWord((quote.title ?? '').replace(/\s+/gu, ' ').trim(), maxTitleLength)
  return title === '' ? `in conversation ${quote.conversationId}` : `in “${title}”`
}

// A table of its own: Intl's dates depend on the machine's locale data, and the same quotes must give the same bytes.
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/** `3 May 2026`, in UTC. */
function dateOf(at: Date): string {
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()}`
}
