import { literalPath, jsonAt } from './field-sql.js'
import type { Parameters } from './parameters.js'
import type { TextSearch } from '../query/predicate.js'
import type { TextIndex } from '../query/text-search.js'

/** The words of the fields as a tsvector over the row `t`, never NULL, immutable: what a text index is built on and what `$text`
 *  asks, so that the index serves it. All strings at a path count, also those inside an array or object there. Paths are
 *  constants, as an index needs them. `language` is one of `textLanguages`. */
export function textVectorSql(paths: readonly (readonly string[])[], language: string): string {
  const vectors = paths.map(
    (path) =>
      `coalesce(jsonb_to_tsvector(${languageSql(language)}, ${jsonAt(path, literalPath)}, '["string"]'::jsonb), ''::tsvector)`,
  )
  return `(${vectors.join(' || ')})`
}

/** The condition that the index serves: all phrases, or one of the words where there are none; none of the words after `-`. */
export function textMatchSql(search: TextSearch, index: TextIndex, parameters: Parameters): string {
  const { words, phrases, without } = search
  const language = search.language ?? index.language
  const wanted =
    phrases.length > 0 ? allOf(phrasesSql(phrases, language, parameters)) : anyOf(wordsSql(words, language, parameters))
  if (wanted === undefined) return 'false'
  const unwanted = wordsSql(without, language, parameters).map((query) => `!!${query}`)
  // Only stop words are an empty query, which "and not" would turn into one that matches all others.
  const notEmpty = unwanted.length === 0 ? '' : ` and numnode(${wanted}) > 0`
  return `(${textVectorSql(index.paths, index.language)} @@ ${allOf([wanted, ...unwanted]) ?? wanted}${notEmpty})`
}

/** How well the document fits; more is better. */
export function textScoreSql(
  { words, phrases, language }: TextSearch,
  index: TextIndex,
  parameters: Parameters,
): string {
  const by = language ?? index.language
  const query = anyOf([...wordsSql(words, by, parameters), ...phrasesSql(phrases, by, parameters)])
  const vector = textVectorSql(index.paths, index.language)
  return query === undefined ? '0::float8' : `ts_rank(${vector}, ${query})::float8`
}

function wordsSql(words: readonly string[], language: string, parameters: Parameters): string[] {
  return words.map((word) => `plainto_tsquery(${languageSql(language)}, ${parameters.text(word)})`)
}

function phrasesSql(phrases: readonly string[], language: string, parameters: Parameters): string[] {
  return phrases.map((phrase) => `phraseto_tsquery(${languageSql(language)}, ${parameters.text(phrase)})`)
}

function anyOf(queries: readonly string[]): string | undefined {
  return queries.length === 0 ? undefined : `(${queries.join(' || ')})`
}

function allOf(queries: readonly string[]): string | undefined {
  return queries.length === 0 ? undefined : `(${queries.join(' && ')})`
}

/** The name comes from `textLanguages`: never from a caller. */
function languageSql(language: string): string {
  return `'pg_catalog.${language}'::regconfig`
}
