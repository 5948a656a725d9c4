import { invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import type { FeedOptions } from './change-feed.js'
import type { FeedSpec } from './feed-operations.js'

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseFeed(feed: boolean | FeedOptions | undefined): FeedSpec | undefined {
  if (feed === undefined || feed === false) return undefined
  if (feed === true) return {}
  if (typeof feed !== 'object' || feed === null) throw invalidField('feed', 'must be true, false or { retainMs }')
  checkOptions(feed, ['retainMs'])
  const { retainMs } = feed
  if (retainMs === undefined) return {}
  if (!Number.isSafeInteger(retainMs) || retainMs < 1_000) {
    throw invalidField('feed.retainMs', 'must be a number of milliseconds, at least 1,000')
  }
  return { retainMs }
}

/** What both declare: entries are kept for the longest time that somebody asked for. `before` itself if nothing is new. */
export function mergeFeeds(before: FeedSpec | undefined, added: FeedSpec | undefined): FeedSpec | undefined {
  if (added === undefined || before === undefined) return before ?? added
  if (added.retainMs === undefined || (before.retainMs ?? 0) >= added.retainMs) return before
  return added
}
