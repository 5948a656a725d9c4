import { execFile } from 'node:child_process'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('the example in the README runs', async () => {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  const readme = await readFile(`${folder}/README.md`, 'utf8')
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? assert.fail('The README has no example')
  const { HOLDFAST_TEST_POSTGRES_URL: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', example], {
    cwd: folder,
    env,
  })
  assert.match(stdout, /^127\.0\.0\.1:\d+$/m)
})
