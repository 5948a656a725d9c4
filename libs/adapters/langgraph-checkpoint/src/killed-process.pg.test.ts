import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'

const program = join(import.meta.dirname, 'killed-process.test.child.js')

it('goes on with a run whose process was killed, at the step where it was', async () => {
  await using database = await postgresForTests()
  let begun = 0
  for (const killAt of [5, 12, 30]) {
    const lines = await count(database.url, 1_000_000, killAt)
    assertGoesOn(lines, begun)
    begun = Number(lines.at(-1))
  }
  const lines = await count(database.url, begun + 3)
  assertGoesOn(lines, begun)
  const all = Array.from({ length: begun + 3 }, (_, index) => index + 1)
  assert.equal(lines.at(-1), `all ${all.join(' ')}`)
})

/** Everything before the step in which it died was durable; that step itself may have been, too. */
function assertGoesOn([first]: readonly string[], begun: number): void {
  assert(Number(first) === Math.max(1, begun) || Number(first) === begun + 1, `${first} after ${begun}`)
}

/** @param killAt kill the process when it prints this number. @returns what it printed */
async function count(url: string, last: number, killAt?: number): Promise<string[]> {
  const child = spawn(process.execPath, [program, url, String(last)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (Number(line) === killAt) child.kill('SIGKILL')
  }
  await exited
  return lines
}
