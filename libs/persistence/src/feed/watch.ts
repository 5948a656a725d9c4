import { HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentOperations, StoredDocument } from '../backend.js'
import type { Document } from '../contract/document.js'
import { patiently, untilStopped } from '../log-tail.js'
import { checkOptions } from '../options.js'
import type { FeedEvent, WatchOptions } from './change-feed.js'
import type { ChangeFeeds } from './change-feeds.js'
import type { FeedEntry, FeedPage } from './feed-operations.js'
import { aheadError, decodePosition, encodePosition } from './feed-position.js'

export interface WatchSource<T> {
  readonly name: string
  readonly tenant: string
  readonly feeds: ChangeFeeds
  /** Where current documents are looked up. */
  readonly operations: Pick<DocumentOperations, 'fetch'>
  /** Makes the tables on first use. */
  readonly ready: () => Promise<void>
  readonly decode: (stored: StoredDocument) => Document<T>
}

/** Where to begin: behind a position, with the oldest entry that is kept, or with the next one. */
export type WatchStart = number | 'start' | 'now'

/** Events that are read, and documents that are looked up, ahead of whoever iterates. */
const page = 100

export function watchFeed<T>(source: WatchSource<T>, options: WatchOptions): AsyncIterable<FeedEvent<T>> {
  checkOptions(options, ['after', 'from', 'signal'])
  const { after, from = 'now', signal } = options
  if (from !== 'now' && from !== 'start') throw invalidField('from', `must be 'now' or 'start'`)
  const start = after === undefined ? from : decodePosition(source.name, source.tenant, after, 'after')
  return {
    [Symbol.asyncIterator]() {
      const stop = new AbortController()
      const events = eventByEvent(source, start, stop, signal)
      return {
        next: () => events.next(),
        // A generator that waits would take note of its return only with the next event.
        return: () => {
          stop.abort()
          return events.return(undefined)
        },
      }
    },
  }
}

async function* eventByEvent<T>(
  source: WatchSource<T>,
  start: WatchStart,
  stop: AbortController,
  signal: AbortSignal | undefined,
): AsyncGenerator<FeedEvent<T>, undefined> {
  const onAbort = () => stop.abort()
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) stop.abort()
  try {
    for await (const events of followFeed(source, start, page, stop.signal)) {
      for (const event of events) {
        if (stop.signal.aborted) return undefined
        yield event
      }
    }
    return undefined
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** The events behind `start`, at most `limit` at once, then those that come, until `stop` aborts. */
export async function* followFeed<T>(
  source: WatchSource<T>,
  start: WatchStart,
  limit: number,
  stop: AbortSignal,
): AsyncGenerator<readonly FeedEvent<T>[], undefined> {
  const { feeds, name, tenant } = source
  const { hub, operations } = feeds
  const ask = <A>(question: () => Promise<A>): Promise<A | undefined> =>
    untilStopped(patiently({ hub }, question, stop), stop)
  await ask(() => assertOn(source))
  if (stop.aborted) return undefined
  // Before the first read, so that nothing falls between what is read and what is announced.
  const watch = hub.watch(name, { tenant, stream: 'feed' })
  try {
    let position = await ask(() => startPosition(source, start))
    let caughtUp = false
    let delivered = false
    while (position !== undefined) {
      if (caughtUp) await untilStopped(watch.after(position), stop)
      const { head } = watch
      const after: number = position
      const read: FeedPage | 'trimmed' | undefined = await ask(async () => {
        try {
          return await operations.read(name, tenant, after, limit)
        } catch (error) {
          if (delivered || start !== 'start' || !isTrimmed(error)) throw error
          return 'trimmed'
        }
      })
      if (read === undefined) return undefined
      if (read === 'trimmed') {
        position = await ask(() => startPosition(source, start))
        continue
      }
      const { entries, more } = read
      const events = await ask(() => withDocuments(source, entries))
      if (events === undefined || stop.aborted) return undefined
      caughtUp = !more
      // What was announced and did not come was erased meanwhile.
      position = entries.at(-1)?.position ?? Math.max(after, head)
      if (events.length === 0) continue
      delivered = true
      yield events
    }
    return undefined
  } finally {
    hub.unwatch(watch)
  }
}

function isTrimmed(error: unknown): boolean {
  return error instanceof HoldfastError && error.reason === 'FEED_TRIMMED'
}

/** @throws FAILED_PRECONDITION if the collection has no feed */
export async function assertOn({ name, ready, feeds }: WatchSource<unknown>): Promise<void> {
  await ready()
  if (await feeds.operations.ensure(name, undefined)) return
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `Collection ${name} has no change feed: open it with { feed: true }, before the changes that are to be seen`,
    { reason: 'FEED_OFF' },
  )
}

/** @throws OUT_OF_RANGE if the feed does not reach the position; that it is kept is found out by reading */
export async function startPosition({ name, tenant, feeds }: WatchSource<unknown>, start: WatchStart): Promise<number> {
  const [head] = await feeds.operations.heads(name, [tenant])
  const { last, trimmed } = head ?? { last: 0, trimmed: 0 }
  if (start === 'now') return last
  if (start === 'start') return trimmed
  if (start > last) throw aheadError(name)
  return start
}

/** Where the feed stands now. */
export async function feedPosition(source: WatchSource<unknown>): Promise<string> {
  await assertOn(source)
  return encodePosition(source.name, source.tenant, await startPosition(source, 'now'))
}

/** Looks up the documents that were written, once each. */
async function withDocuments<T>(
  { name, tenant, operations, decode }: WatchSource<T>,
  entries: readonly FeedEntry[],
): Promise<FeedEvent<T>[]> {
  const written = new Set(entries.filter(({ op }) => op === 'write').map(({ id }) => id))
  const keys = [...written].map((id) => ({ tenant, id }))
  const found = keys.length === 0 ? [] : await operations.fetch(name, keys)
  const documents = new Map(found.flatMap((stored) => (stored === undefined ? [] : [[stored.id, stored] as const])))
  return entries.map(({ position, op, id, version, at }) => {
    const stored = op === 'write' ? documents.get(id) : undefined
    const event = { position: encodePosition(name, tenant, position), op, id, version, at: new Date(at) }
    return stored === undefined ? event : { ...event, document: decode(stored) }
  })
}
