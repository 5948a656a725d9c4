import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

test('the example in the README runs', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExample(example, import.meta.dirname)
  assert.match(printed, /On 3 May 2026, in conversation c-1, you said: “My dog is called Rex\.”/)
  assert.match(printed, /type: 'finish', reason: 'stop', model: 'recall'/)
})
