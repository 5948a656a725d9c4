import { after, before, describe } from 'node:test'
import type { DocumentStore } from '../document-store.js'
import { testBadInput } from './bad-input.js'
import { testBlobLinks } from './blob-links.js'
import { testBlobs } from './blobs.js'
import { testClaims } from './claims.js'
import { testEncryptionAtRest, testEncryption } from './encryption.js'
import type { OpenOptions } from '../open.js'
import { testSchemas } from './schemas.js'
import { testCreations } from './creations.js'
import { testDocuments } from './documents.js'
import { testColumns } from './columns.js'
import { testDrops } from './drops.js'
import { testExports } from './exports.js'
import { testConsumers } from './consumers.js'
import { testFeed } from './feed.js'
import { testForks } from './forks.js'
import { testHolds } from './holds.js'
import { testHistories } from './histories.js'
import { testKeyedTransactions } from './keyed-transactions.js'
import { testIndexes } from './indexes.js'
import { testLifecycle } from './lifecycle.js'
import { testLogs } from './logs.js'
import { testMatching } from './matching.js'
import { testReadsTogether } from './reads-together.js'
import { testQueries } from './queries.js'
import { testQueryLanguage } from './query-language.js'
import { testErasures } from './erasures.js'
import { testRandomLives } from './random-lives.js'
import { testRetention } from './retention.js'
import { testRowLife } from './row-life.js'
import { testSeveralStores } from './several-stores.js'
import { type ConformanceOptions, freshTenantId } from './suite.js'
import { testTails } from './tails.js'
import { testTenants } from './tenants.js'
import { testTransactions } from './transactions.js'
import { testTransfer } from './transfer.js'
import { testUniqueIndexes } from './unique-indexes.js'

export type { ConformanceOptions } from './suite.js'

/** What every DocumentStore must do, as node:test tests over the public interface. Call it in a test file.
 *  @param open opens the store that is tested, with the options given; called again for the tests that close one. The suite closes what it
 *  opens, uses tenants of its own (`test-…`) and leaves its collections (`conformance-…`) behind. */
export function describeDocumentStore(
  name: string,
  open: (options?: OpenOptions) => Promise<DocumentStore>,
  options: ConformanceOptions = {},
): void {
  describe(name, () => {
    let opened: DocumentStore | undefined
    before(async () => {
      // Sweeps come when the tests ask for them: they tell apart what is swept from what is only unseen.
      opened = await open({ encryption: testEncryption, sweepIntervalMs: 0 })
    })
    after(() => opened?.close())
    const suite = {
      get store(): DocumentStore {
        if (opened === undefined) throw new Error('The store could not be opened')
        return opened
      },
      tenant: () => suite.store.tenant(freshTenantId()),
      open,
      openAnother: options.openAnother,
      cases: options.cases ?? 300,
      seed: options.seed ?? 20_261_122,
    }
    testLifecycle(suite)
    testDocuments(suite)
    testUniqueIndexes(suite)
    testIndexes(suite)
    testMatching(suite)
    testQueries(suite)
    testColumns(suite)
    testQueryLanguage(suite)
    testLogs(suite)
    testForks(suite)
    testCreations(suite)
    testReadsTogether(suite)
    testHolds(suite)
    testTails(suite)
    testFeed(suite)
    testConsumers(suite)
    testBlobs(suite)
    testBlobLinks(suite)
    testRowLife(suite)
    testRetention(suite)
    testRandomLives(suite)
    testErasures(suite)
    testDrops(suite)
    testSchemas(suite)
    testEncryptionAtRest(suite)
    testTransactions(suite)
    testTransfer(suite)
    testExports(suite)
    testKeyedTransactions(suite)
    testClaims(suite)
    testTenants(suite)
    testBadInput(suite)
    testHistories(suite)
    testSeveralStores(suite)
  })
}
