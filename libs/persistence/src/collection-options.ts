import { invalidField } from '@holdfast/errors'
import type { CollectionSpec, IndexDefinition } from './backend.js'
import type { CollectionOptions } from './document-store.js'
import { checkOptions } from './options.js'
import { parseDataPath } from './query/field-path.js'

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseCollectionOptions(options: CollectionOptions): CollectionSpec {
  checkOptions(options, ['indexes'])
  return { indexes: parseIndexes(options.indexes) }
}

/** What both declare; `before` itself if `added` brings nothing new. */
export function mergeSpecs(before: CollectionSpec, added: CollectionSpec): CollectionSpec {
  const known = new Set(before.indexes.map((index) => JSON.stringify(index)))
  const indexes = added.indexes.filter((index) => !known.has(JSON.stringify(index)))
  return indexes.length === 0 ? before : { ...before, indexes: [...before.indexes, ...indexes] }
}

function parseIndexes(indexes: CollectionOptions['indexes'] = []): IndexDefinition[] {
  if (!Array.isArray(indexes)) throw invalidField('indexes', 'must be an array')
  return indexes.map((specification: { on: unknown; unique?: unknown }, index) => {
    checkOptions(specification, ['on', 'unique'])
    const { on, unique = false } = specification
    const paths = Array.isArray(on) ? (on as unknown[]) : [on]
    if (paths.length === 0) throw invalidField(`indexes[${index}].on`, 'must name a field')
    if (typeof unique !== 'boolean') throw invalidField(`indexes[${index}].unique`, 'must be a boolean')
    const fields = paths.map((path) => {
      if (typeof path !== 'string') throw invalidField(`indexes[${index}].on`, 'must be a field path or several')
      return parseDataPath(path, `indexes[${index}].on`)
    })
    return { on: fields, unique }
  })
}
