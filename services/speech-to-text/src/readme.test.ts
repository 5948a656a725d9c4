import { openJobs } from '@holdfast/jobs'
import { moonshineModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { examplesOf, runExampleHere } from '@holdfast/test-servers'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSpeechToTextService } from './speech-to-text-service.js'
import { transcriptionWork } from './transcription-work.js'

const scope = {
  createLogger: () => createLogger({ level: 'fatal' }),
  createSpeechToTextService,
  moonshineModel,
  openDocumentStore,
  openJobs,
  startGrpcServer,
  transcriptionWork,
}

test('the example in the README runs, and leaves nothing running', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExampleHere(example, scope)
  assert.match(printed.flat().join(), /^Listening on 127\.0\.0\.1:\d+$/)
})
