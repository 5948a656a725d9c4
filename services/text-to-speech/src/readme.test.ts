import { openJobs } from '@holdfast/jobs'
import { fliteModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createTextToSpeechService } from './text-to-speech-service.js'
import { speechWork } from './speech-work.js'

const scope = {
  createLogger: () => createLogger({ level: 'fatal' }),
  createTextToSpeechService,
  fliteModel,
  openDocumentStore,
  openJobs,
  startGrpcServer,
  speechWork,
}

test('the example in the README runs, and leaves nothing running', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n((?:import [^\n]+\n)+)([^]+?)```/.exec(readme)?.[2]
  assert.ok(example !== undefined)
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: readonly unknown[]) => Promise<void>
  const printed: string[] = []
  const run = new AsyncFunction(...Object.keys(scope), 'console', example)
  await run(...Object.values(scope), { log: (text: string) => printed.push(text) })
  assert.match(printed.join(), /^Listening on 127\.0\.0\.1:\d+$/)
})
