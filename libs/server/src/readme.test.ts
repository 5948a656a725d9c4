import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

test('the example in the README runs', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExample(example, import.meta.dirname)
  assert.match(printed, /gRPC on 127\.0\.0\.1:\d+, http:\/\/127\.0\.0\.1:\d+\/metrics\n\{ drained: 0, aborted: 0 \}/)
})
