import assert from 'node:assert/strict'
import { it } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

it('runs the examples of the README', async () => {
  const printed: string[] = []
  for (const example of await examplesOf(new URL('../README.md', import.meta.url)))
    printed.push(await runExample(example, import.meta.dirname))
  assert.deepEqual(printed, [
    'text nine.\nend undefined\n1 user When does it leave?\n2 assistant At nine.\n',
    "{ from: 'Paris' }\n",
  ])
})
