import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { executionEngineConformance } from '../conformance/index.js'
import { stagesOfTenants } from './local-stage.test.support.js'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-engine-'))

executionEngineConformance(
  'local, in the embedded database',
  stagesOfTenants(() => openDocumentStore(`embedded:${folder}`), { processes: 1 }),
)

after(() => rm(folder, { recursive: true }))
