import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { whyNoRedis } from '@holdfast/test-servers'
import { campaign } from './campaign.js'
import { kinds } from './troubles.js'

const skip = (await whyNoRedis()) ?? false
// Beside the source: what is compiled has no JSON.
const seeds = JSON.parse(await readFile(new URL('../../src/cache/seeds.json', import.meta.url), 'utf8')) as {
  readonly seed: number
  readonly found: string
}[]

describe('the session store, while Redis and the database fail in every way', { skip }, () => {
  for (const { seed, found } of seeds) {
    it(`keeps its promises with seed ${seed} (${found})`, { timeout: 120_000 }, async () => {
      const lines: string[] = []
      const figures = await campaign({
        seed,
        operations: 4_000,
        troubles: kinds.length,
        processes: 2,
        clientsOfEach: 4,
        pauseShare: 0.05,
        report: (line) => lines.push(line),
      })
      const { stale_reads, backwards, lost_writes, resurrected, errors_as_empty, phantoms, failed_calls } = figures
      assert.deepEqual(
        { stale_reads, backwards, lost_writes, resurrected, errors_as_empty, phantoms, failed_calls },
        {
          stale_reads: 0,
          backwards: 0,
          lost_writes: 0,
          resurrected: 0,
          errors_as_empty: 0,
          phantoms: 0,
          failed_calls: 0,
        },
        lines.join('\n'),
      )
      assert.ok((figures['operations'] ?? 0) >= 4_000)
      for (const kind of kinds) assert.equal(figures[kind], 1)
    })
  }
})
