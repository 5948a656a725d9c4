import { after, before, describe } from 'node:test'
import { testBlobLinks } from '../conformance/blob-links.js'
import { testBlobs } from '../conformance/blobs.js'
import { freshTenantId } from '../conformance/suite.js'
import type { DocumentStore } from '../document-store.js'

/** What is said of blobs in the conformance suite, for a store whose bytes go elsewhere. */
export function describeBlobs(name: string, open: () => Promise<DocumentStore>): void {
  describe(name, () => {
    let opened: DocumentStore | undefined
    before(async () => {
      opened = await open()
    })
    after(() => opened?.close())
    const suite = {
      get store(): DocumentStore {
        if (opened === undefined) throw new Error('The store could not be opened')
        return opened
      },
      tenant: () => suite.store.tenant(freshTenantId()),
      open,
      openAnother: undefined,
      cases: 0,
      seed: 0,
    }
    testBlobs(suite)
    testBlobLinks(suite)
  })
}
