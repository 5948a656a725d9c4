import type { Backend, StreamHead } from '../backend.js'
import { type HubSource, LogHub, type LogHubOptions } from '../log-hub.js'
import type { FeedOperations } from './feed-operations.js'
import { FeedTrimmer } from './feed-trimmer.js'

/** What all scopes of one store share of feeds: who is woken by what, and the trimming. */
export class ChangeFeeds {
  readonly operations: FeedOperations
  /** Wakes those who watch: a collection is a log to it, a tenant's feed the stream `feed`. */
  readonly hub: LogHub
  readonly #trimmer: FeedTrimmer

  constructor(backend: Pick<Backend, 'feeds' | 'hints' | 'sharedWithOthers'>, options: LogHubOptions = {}) {
    this.operations = backend.feeds
    this.#trimmer = new FeedTrimmer(backend.feeds)
    const source: HubSource = {
      sharedWithOthers: backend.sharedWithOthers,
      logs: {
        heads: async (collection, keys) => {
          const tenants = keys.map(({ tenant }) => tenant)
          const heads = await backend.feeds.heads(collection, tenants)
          return heads.map(({ last }): StreamHead => ({ ...noStream, next: last + 1 }))
        },
      },
    }
    this.hub = new LogHub(source, { ...options, hints: backend.hints && { of: backend.hints, topics: 'feed:' } })
    backend.feeds.onRecorded((collection) => {
      this.hub.poke(collection)
      this.hub.appended(collection)
    })
  }

  /** Trims the feed from now on. */
  retain(collection: string, retainMs: number | undefined): void {
    this.#trimmer.retain(collection, retainMs)
  }

  /** Ends those who watch with FAILED_PRECONDITION, and waits for a trimming under way. */
  close(): Promise<void> {
    this.hub.close()
    return this.#trimmer.close()
  }
}

const noStream: StreamHead = { next: 1, first: 1, exists: true, removed: false, at: 0 }
