import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore } from '../open.js'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'))
let stores = 0
after(() => rm(folder, { recursive: true, force: true }))

// The statements are those of a server, which runs 300 random cases.
const options = { cases: 60, seed: 18 }

describeDocumentStore(
  'embedded',
  (open) => {
    stores += 1
    return openDocumentStore(`embedded:${join(folder, String(stores))}`, open)
  },
  options,
)
