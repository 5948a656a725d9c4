import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

test('the example in the README runs', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const picture = join(import.meta.dirname, '../../../libs/models/test-pictures/cat.jpg')
  const printed = await runExample(example, import.meta.dirname, { PICTURE: picture })
  assert.match(printed, /^cat 0\.\d+ \{ left: \d+, top: \d+, width: \d+, height: \d+ \}$/m)
})
