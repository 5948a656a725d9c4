import assert from 'node:assert/strict'
import { readdirSync, existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { outputOf } from '../cli-process.js'

const dialogues = fileURLToPath(new URL('../../../../../shared/data/dialogues', import.meta.url))
const skip = existsSync(dialogues) ? false : `the Schema-Guided Dialogue data is not at ${dialogues}`

test('all real dialogues are imported, exported and taken back byte-identical', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-real-'))
  try {
    const files = readdirSync(dialogues).map((name) => join(dialogues, name))
    const [data, copy] = [join(folder, 'data'), join(folder, 'copy')]
    const importing = ['conversations', 'import', '--json', '--data', data, '--format', 'sgd', ...files]
    const { seconds: _, ...first } = JSON.parse(await outputOf(importing))
    assert.deepEqual(first, {
      conversations: 324,
      created: 324,
      messages: 4814,
      appended: 4814,
      statesChanged: 2407,
      deleted: 0,
    })
    const once = await listed(data)
    const { created, appended, statesChanged } = JSON.parse(await outputOf(importing))
    assert.deepEqual([created, appended, statesChanged], [0, 0, 0])
    assert.equal(await listed(data), once)

    const [out, again] = [join(folder, 'out.jsonl'), join(folder, 'again.jsonl')]
    await outputOf(['conversations', 'export', '--data', data, '--output', out])
    await outputOf(['conversations', 'import', '--data', copy, out])
    await outputOf(['conversations', 'export', '--data', copy, '--output', again])
    assert.ok((await readFile(out)).equals(await readFile(again)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** With versions, counts and times. */
function listed(data: string): Promise<string> {
  return outputOf(['conversations', 'list', '--all', '--json', '--data', data])
}
