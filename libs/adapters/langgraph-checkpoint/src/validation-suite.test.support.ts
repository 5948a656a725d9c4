import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Report {
  readonly outcomes: readonly { readonly name: string; readonly state: string; readonly errors: readonly string[] }[]
  readonly broken: readonly string[]
}

/** Runs `@langchain/langgraph-checkpoint-validation`, all of it. */
export async function validateSaver(databaseUrl: string): Promise<void> {
  const cache = await mkdtemp(join(tmpdir(), 'holdfast-vitest-'))
  try {
    const program = join(import.meta.dirname, 'validation.test.child.js')
    const env = { ...process.env, VALIDATION_DATABASE: databaseUrl, NODE_TEST_CONTEXT: undefined }
    const { stdout } = await run(process.execPath, [program, cache], {
      env,
      maxBuffer: 1 << 26,
      timeout: 120_000,
    }).catch((error: { readonly stdout: string; readonly stderr: string }) => {
      if (error.stdout.includes('"outcomes"')) return error
      throw error as unknown as Error
    })
    const { outcomes, broken } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report
    assert.deepEqual(broken, [])
    assert.deepEqual(
      outcomes.filter(({ state }) => state !== 'passed'),
      [],
    )
    // What version 1.1.1 has; another number is another suite.
    assert.equal(outcomes.length, 726)
  } finally {
    await rm(cache, { recursive: true })
  }
}
