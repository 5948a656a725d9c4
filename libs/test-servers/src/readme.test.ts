import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examplesOf, runExample } from './readme-examples.js'

test('the example in the README runs', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url), 'js')
  // None of `npm test`, so that it starts one of its own.
  const printed = await runExample(example, import.meta.dirname, { HOLDFAST_TEST_POSTGRES_URL: '' })
  assert.match(printed, /^127\.0\.0\.1:\d+$/m)
})
