import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { AuditLog } from '@holdfast/server'
import { runCli } from '../cli-process.js'

it('lists what was done and says whether the log is as it was written, by an anchor as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audit-'))
  try {
    {
      await using store = await openDocumentStore(`embedded:${folder}/data`)
      const log = new AuditLog(store)
      await log.record({ kind: 'command', action: 'keys revoke', outcome: 'OK', facts: { key: 'k1' } })
      await log.record({
        kind: 'call',
        action: 'S/Erase',
        outcome: 'OK',
        tenant: 'acme',
        role: 'admin',
        credential: 'k2',
      })
    }
    const audit = (...rest: string[]) => runCli(['audit', ...rest, '--data', join(folder, 'data')])
    const listed = await audit('list', '--tenant', 'acme')
    assert.match(listed.stdout, /^ +2 {2}\S+Z {2}call {2}S\/Erase {2}OK {2}acme\/admin\/k2\n$/)
    const verified = await audit('verify', '--json')
    const { ok, entries, anchor } = JSON.parse(verified.stdout)
    assert.deepEqual([verified.code, ok, entries], [0, true, 2])
    const wrong = anchor.replace(/.$/, (last: string) => (last === '0' ? '1' : '0'))
    const other = await audit('verify', '--anchor', wrong)
    assert.equal(other.code, 1)
    assert.match(other.stdout, /entry 2 is not the one of the anchor/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
