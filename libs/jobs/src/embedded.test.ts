import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDocumentStore } from '@holdfast/persistence'
import { describeJobs } from './conformance/index.js'

describeJobs('jobs in the embedded database', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-jobs-'))
  const documents = await openDocumentStore(`embedded:${folder}`)
  return {
    documents,
    stop: async () => {
      await documents.close()
      await rm(folder, { recursive: true })
    },
  }
})
