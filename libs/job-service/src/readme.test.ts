import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

test('the example in the README runs', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExample(example, import.meta.dirname)
  assert.equal(printed, '9 bytes 1\n')
})
