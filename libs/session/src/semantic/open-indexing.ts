import { invalidField } from '@holdfast/errors'
import type { StoreContext } from '../context.js'
import type { IndexingOptions } from '../conversation-store.js'
import { checkInteger } from '../validation.js'
import type { Embedder } from './embedder.js'
import { Indexer } from './indexer.js'

const dayMs = 86_400_000

/** Begins to index in the background. @throws INVALID_ARGUMENT */
export function openIndexing(context: StoreContext, embedder: Embedder, options: IndexingOptions = {}): Indexer {
  const { startAfterMs = 5000, pollMs = 2000, duty = 0.5, retireAfterMs = dayMs, leaseMs = 30_000 } = options
  if (!(duty > 0 && duty <= 1)) throw invalidField('search.indexing.duty', 'must be a number above 0, at most 1')
  const indexer = new Indexer(context, embedder, {
    startAfterMs: checkInteger(startAfterMs, 'search.indexing.startAfterMs', 0, dayMs),
    pollMs: checkInteger(pollMs, 'search.indexing.pollMs', 10, dayMs),
    retireAfterMs: checkInteger(retireAfterMs, 'search.indexing.retireAfterMs', 0, Number.MAX_SAFE_INTEGER),
    leaseMs: checkInteger(leaseMs, 'search.indexing.leaseMs', 1000, dayMs),
    duty,
  })
  indexer.start()
  return indexer
}
