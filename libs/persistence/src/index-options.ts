import { HoldfastError, invalidField } from '@holdfast/errors'
import type { IndexDefinition } from './backend.js'
import type { IndexSpecification } from './contract/document.js'
import { checkOptions } from './options.js'
import { parseDataPath } from './query/field-path.js'
import { parseFilter } from './query/filter.js'
import type { Predicate } from './query/predicate.js'
import { checkTextLanguage, defaultTextLanguage } from './query/text-search.js'
import { checkPartial } from './sql/indexes/partial.js'

const maxPaths = 8

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseIndexes(indexes: readonly IndexSpecification[] | undefined): IndexDefinition[] {
  if (indexes === undefined) return []
  if (!Array.isArray(indexes)) throw invalidField('indexes', 'must be an array')
  const parsed = Array.from(indexes as unknown[], (specification, place) =>
    parseIndex(specification, `indexes[${place}]`),
  )
  if (parsed.filter(({ text }) => text !== undefined).length > 1) {
    throw invalidField('indexes', 'has more than one text index: name all fields in one')
  }
  return parsed
}

type Untyped = { readonly [Option in keyof IndexSpecification]-?: unknown }

function parseIndex(specification: unknown, at: string): IndexDefinition {
  checkOptions(specification, ['on', 'unique', 'where', 'text', 'array', 'direction'])
  const { on, unique = false, where, text, array = false, direction } = specification as Untyped
  if (typeof unique !== 'boolean') throw invalidField(`${at}.unique`, 'must be a boolean')
  if (typeof array !== 'boolean') throw invalidField(`${at}.array`, 'must be a boolean')
  const paths = parsePaths(on, `${at}.on`)
  const language = parseText(text, `${at}.text`)
  for (const [option, isGiven] of Object.entries({ text: language !== undefined, array })) {
    if (!isGiven) continue
    if (unique) throw invalidField(`${at}.unique`, `is not possible together with ${option}`)
    if (direction !== undefined) throw invalidField(`${at}.direction`, `is not possible together with ${option}`)
  }
  if (array) checkArray(paths, language, `${at}.on`)
  const directions = parseDirections(direction, paths.length, `${at}.direction`)
  return {
    on: paths,
    unique,
    ...(language === undefined ? {} : { text: { language } }),
    ...(array ? { array } : {}),
    ...(where === undefined ? {} : { where: parseWhere(where, `${at}.where`) }),
    ...(directions === undefined ? {} : { directions }),
  }
}

function parsePaths(on: unknown, at: string): (readonly string[])[] {
  const paths = Array.isArray(on) ? Array.from(on as unknown[]) : [on]
  if (paths.length === 0) throw invalidField(at, 'must name a field')
  if (paths.length > maxPaths) throw invalidField(at, `must name at most ${maxPaths} fields`)
  const parsed = paths.map((path) => {
    if (typeof path !== 'string') throw invalidField(at, 'must be a field path or several')
    return parseDataPath(path, at)
  })
  if (new Set(paths).size < paths.length) throw invalidField(at, 'names a field twice')
  return parsed
}

function parseText(text: unknown, at: string): string | undefined {
  if (text === undefined || text === false) return undefined
  if (text === true) return defaultTextLanguage
  if (typeof text !== 'object' || text === null) throw invalidField(at, 'must be true or { language }')
  checkOptions(text, ['language'])
  const { language = defaultTextLanguage } = text as { readonly language?: unknown }
  return checkTextLanguage(language, `${at}.language`)
}

function checkArray(paths: readonly (readonly string[])[], language: string | undefined, at: string): void {
  if (language !== undefined) throw invalidField(at, 'is of an index that is either text or array')
  if (paths.length > 1) throw invalidField(at, 'of an array index must be one field: declare one index for each')
  if (paths[0]?.some((segment) => /^\d+$/.test(segment))) {
    throw invalidField(at, 'of an array index cannot name places in arrays')
  }
}

/** Ascending throughout is the same as nothing said: an index is read both ways. */
function parseDirections(direction: unknown, paths: number, at: string): (1 | -1)[] | undefined {
  if (direction === undefined) return undefined
  const given = Array.isArray(direction) ? (direction as unknown[]) : Array.from({ length: paths }, () => direction)
  if (given.length !== paths) throw invalidField(at, 'must be as many as there are fields')
  const directions = Array.from(given, (one) => {
    if (one !== 1 && one !== -1) throw invalidField(at, 'must be 1, -1, or an array of these')
    return one
  })
  return new Set(directions).size === 1 ? undefined : directions
}

function parseWhere(where: unknown, at: string): Predicate {
  const predicate = under(at, () => parseFilter(where))
  checkPartial(predicate, at)
  return predicate
}

/** Errors about a filter name places in it as `filter.…`. */
function under<R>(at: string, parse: () => R): R {
  try {
    return parse()
  } catch (error) {
    const fault = error instanceof HoldfastError ? error.fields[0] : undefined
    if (fault === undefined) throw error
    throw invalidField(fault.field.replace(/^filter/, at), fault.description)
  }
}
