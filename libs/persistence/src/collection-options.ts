import type { CollectionSpec } from './backend.js'
import type { CollectionOptions } from './document-store.js'
import { parseIndexes } from './index-options.js'
import { mergeFeeds, parseFeed } from './feed/feed-options.js'
import { mergeLife, parseLifeOptions } from './expiry/lifetime.js'
import { checkOptions } from './options.js'

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseCollectionOptions(options: CollectionOptions): CollectionSpec {
  checkOptions(options, ['indexes', 'feed'])
  const feed = parseFeed(options.feed)
  return { indexes: parseIndexes(options.indexes), ...(feed === undefined ? {} : { feed }) }
}

/** What both declare; `before` itself if `added` brings nothing new. */
export function mergeSpecs(before: CollectionSpec, added: CollectionSpec): CollectionSpec {
  const known = new Set(before.indexes.map((index) => JSON.stringify(index)))
  const indexes = added.indexes.filter((index) => !known.has(JSON.stringify(index)))
  const feed = mergeFeeds(before.feed, added.feed)
  if (indexes.length === 0 && feed === before.feed) return before
  return { ...before, indexes: [...before.indexes, ...indexes], ...(feed === undefined ? {} : { feed }) }
}
