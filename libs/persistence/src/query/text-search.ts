import { HoldfastError, invalidField } from '@holdfast/errors'
import type { IndexDefinition } from '../collection-spec.js'
import { valueAt } from './field-path.js'
import { isJsonArray, isJsonObject } from './json-value.js'
import { membersOf } from './plain-object.js'
import type { JsonValue, Predicate, QueriedDocument, TextSearch } from './predicate.js'

/** What PostgreSQL 15 and everything later knows. `simple` takes words as they are. */
export const textLanguages: readonly string[] = (
  'simple arabic armenian basque catalan danish dutch english finnish french german greek hindi hungarian indonesian irish ' +
  'italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil turkish yiddish'
).split(' ')

/** What a text index that names no language has. */
export const defaultTextLanguage = 'english'

const maxSearchLength = 1_000

export interface TextIndex {
  readonly paths: readonly (readonly string[])[]
  readonly language: string
}

/** @throws INVALID_ARGUMENT if it is none of `textLanguages` */
export function checkTextLanguage(language: unknown, at: string): string {
  if (typeof language === 'string' && textLanguages.includes(language)) return language
  throw invalidField(at, `must be a language that PostgreSQL knows: ${textLanguages.join(', ')}`)
}

export function parseTextSearch(operand: unknown, at: string): TextSearch {
  const members = new Map(membersOf(operand, at))
  for (const name of members.keys()) {
    if (name !== '$search' && name !== '$language') {
      throw invalidField(`${at}.${name.slice(0, 500)}`, 'is not understood: only $search and $language are')
    }
  }
  const search = members.get('$search')
  if (typeof search !== 'string') throw invalidField(`${at}.$search`, 'must be a string')
  if (search.length > maxSearchLength)
    throw invalidField(`${at}.$search`, `is longer than ${maxSearchLength} characters`)
  if (/[\0\ud800-\udfff]/u.test(search)) {
    throw invalidField(`${at}.$search`, 'must not contain NUL or half a surrogate pair')
  }
  const phrases: string[] = []
  const rest = search.replaceAll(/"([^"]*)"/g, (_, phrase: string) => {
    if (phrase.trim() !== '') phrases.push(phrase)
    return ' '
  })
  const words = rest.split(/\s+/).map((word) => word.replaceAll('"', ''))
  const without = words.filter((word) => /^-[^-]/.test(word)).map((word) => word.slice(1))
  const parsed = { words: words.filter((word) => word !== '' && !word.startsWith('-')), phrases, without }
  if (!members.has('$language')) return parsed
  return { ...parsed, language: checkTextLanguage(members.get('$language'), `${at}.$language`) }
}

/** The search of a filter; there is at most one, and none below `$or` and `$nor`. */
export function textSearchOf(where: Predicate): TextSearch | undefined {
  if (where.kind === 'text') return where.search
  if (where.kind !== 'and') return undefined
  for (const part of where.of) if (part.kind === 'text') return part.search
  return undefined
}

/** The index that serves `$text`.
 *  @throws FAILED_PRECONDITION with reason NO_TEXT_INDEX if none is declared */
export function textIndexOf(indexes: readonly IndexDefinition[]): TextIndex {
  for (const { on, text } of indexes) if (text !== undefined) return { paths: on, language: text.language }
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `$text needs a text index: declare indexes: [{ on: ['field'], text: true }] for the collection`,
    { reason: 'NO_TEXT_INDEX', fields: [{ field: 'filter.$text', description: 'needs a text index' }] },
  )
}

/** Gives documents their text score, where the filter has a `$text`. */
export function scorer(
  where: Predicate,
  indexes: readonly IndexDefinition[],
): (document: QueriedDocument) => QueriedDocument {
  const search = textSearchOf(where)
  if (search === undefined) return (document) => document
  const index = textIndexOf(indexes)
  return (document) => ({ ...document, textScore: textScore(search, index, document.data) })
}

/** How well a document fits, in memory: 0 is not at all. Words are runs of letters and digits in lower case, whatever the
 *  language: no stems and no stop words, which only PostgreSQL has. */
export function textScore(search: TextSearch, index: TextIndex, data: unknown): number {
  const texts = index.paths.flatMap((path) => textsIn(valueAt(data, path))).map(wordsOf)
  const holds = (phrase: string): number => {
    const wanted = wordsOf(phrase)
    return wanted.length === 0 ? 0 : texts.reduce((sum, words) => sum + occurrences(words, wanted), 0)
  }
  if (search.without.some((word) => holds(word) > 0)) return 0
  const phrases = search.phrases.map(holds)
  if (phrases.includes(0)) return 0
  const total = [...phrases, ...search.words.map(holds)].reduce((sum, count) => sum + count, 0)
  return total / (1 + total)
}

function occurrences(words: readonly string[], wanted: readonly string[]): number {
  return words.filter((_, start) => wanted.every((word, offset) => words[start + offset] === word)).length
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []
}

function textsIn(value: JsonValue | undefined): string[] {
  if (typeof value === 'string') return [value]
  if (isJsonArray(value)) return value.flatMap(textsIn)
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : []
}
