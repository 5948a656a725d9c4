import type { CollectionSpec } from './backend.js'
import { mergeColumns, parseColumns } from './columns-option.js'
import type { CollectionOptions } from './contract/scope.js'
import { parseVectors } from './vectors-option.js'
import { parseIndexes } from './index-options.js'
import { mergeFeeds, parseFeed } from './feed/feed-options.js'
import { mergeLife, parseLifeOptions } from './expiry/lifetime.js'
import { encryptedIndexes } from './schema/declarations.js'
import { checkOptions } from './options.js'

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseCollectionOptions(options: CollectionOptions): CollectionSpec {
  checkOptions(options, [
    'indexes',
    'columns',
    'vectors',
    'feed',
    'ttlMs',
    'softDelete',
    'subject',
    'schema',
    'upcast',
    'encrypt',
  ])
  const feed = parseFeed(options.feed)
  const columns = parseColumns(options)
  const vectors = parseVectors(options)
  return {
    indexes: encryptedIndexes(parseIndexes(options.indexes), options.encrypt),
    ...(columns.length === 0 ? {} : { columns }),
    ...(vectors.length === 0 ? {} : { vectors }),
    ...(feed === undefined ? {} : { feed }),
    ...parseLifeOptions(options),
  }
}

/** What both declare; `before` itself if `added` brings nothing new. */
export function mergeSpecs(before: CollectionSpec, added: CollectionSpec): CollectionSpec {
  const known = new Set(before.indexes.map((index) => JSON.stringify(index)))
  const indexes = added.indexes.filter((index) => !known.has(JSON.stringify(index)))
  const columns = mergeColumns(before.columns, added.columns)
  const vectors = mergeColumns(before.vectors, added.vectors)
  const feed = mergeFeeds(before.feed, added.feed)
  const life = mergeLife(before, added)
  const isNothingNew =
    indexes.length === 0 &&
    columns === before.columns &&
    vectors === before.vectors &&
    feed === before.feed &&
    life === undefined
  if (isNothingNew) return before
  return {
    ...before,
    ...life,
    indexes: [...before.indexes, ...indexes],
    ...(columns === undefined ? {} : { columns }),
    ...(vectors === undefined ? {} : { vectors }),
    ...(feed === undefined ? {} : { feed }),
  }
}
