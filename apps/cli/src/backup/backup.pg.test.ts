import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { CliProcess, outputOf, runCli } from '../cli-process.js'

test('a backup and a restore that are killed go on, from a server in use to an embedded store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-backup-cli-'))
  const at = (name: string): string => join(folder, name)
  try {
    await using database = await postgresForTests()
    await using source = await openDocumentStore(database.url)
    await source
      .tenant('acme')
      .collection('notes')
      .load(upTo(10_000).map((n) => ({ id: `n-${n}`, data: { n } })))
    for (const _ of upTo(16)) await source.blobs.put(randomBytes(1_000_000))
    await writeFile(at('key'), randomBytes(32).toString('base64'))
    await writeFile(at('other-key'), randomBytes(32).toString('hex'))
    await writeFile(at('backup'), 'the one before')
    const keyed = ['--key-file', at('key')]
    const backingUp = ['backup', at('backup'), '--database', database.url, ...keyed]

    await killedWhen(backingUp, async () => sizeOf(at('backup.part/content')) > 4_000_000)
    assert.equal(sizeOf(at('backup')), 14)
    await using writer = startWriting(source)
    await writer.has(3)
    const report = JSON.parse(await outputOf([...backingUp, '--json'])) as Record<string, number>
    const acknowledged = await writer.stop()
    assert.ok((report['resumedBlobs'] ?? 0) >= 2, JSON.stringify(report))
    assert.deepEqual((await readdir(folder)).sort(), ['backup', 'key', 'other-key'])
    assert.match(await outputOf(['backup', 'verify', at('backup'), ...keyed]), /^whole and unchanged: .*, encrypted; /)
    for (const [args, code, told] of [
      [[], 78, 'FAILED_PRECONDITION: The backup is encrypted'],
      [['--key-file', at('other-key')], 78, 'FAILED_PRECONDITION: The backup was encrypted with another key'],
      [['--key-file', at('no-key')], 66, 'NOT_FOUND: The key of the backup cannot be read'],
    ] as const) {
      const refused = await runCli(['backup', 'verify', at('backup'), ...args])
      assert.equal(refused.code, code)
      assert.ok(refused.stderr.startsWith(`holdfast: ${told}`), refused.stderr)
    }

    const restoring = ['restore', at('backup'), '--data', at('copy'), ...keyed]
    await killedWhen(restoring, async () => existsSync(at('copy.restoring')), 400)
    assert.ok(!existsSync(at('copy')))
    const restored = JSON.parse(await outputOf([...restoring, '--json'])) as Record<string, unknown>
    assert.equal(restored['compared'], true)
    const again = await runCli(restoring)
    assert.deepEqual([again.code, /STORE|store holds something already/.test(again.stderr)], [78, true], again.stderr)
    await using copy = await openDocumentStore(`embedded:${at('copy')}`)
    const counter = await copy.collection<{ n: number }>('counter').get('counter')
    assert.equal(counter?.data.n, (await copy.log('counter').head('counter')).next - 1)
    assert.ok((counter?.data.n ?? 0) >= 3 && (counter?.data.n ?? 0) <= acknowledged)
    assert.equal(await copy.tenant('acme').collection('notes').count(), 10_000)
    assert.equal((await copy.digest()).sha256, report['contentSha256'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

async function killedWhen(args: readonly string[], isTime: () => Promise<boolean>, laterMs = 0): Promise<void> {
  await using command = new CliProcess(args)
  while (!(await isTime())) {
    assert.equal(command.child.exitCode, null, `It ended before it was to be killed: ${command.stderr}`)
    await delay(2)
  }
  await delay(laterMs)
  assert.equal(await command.end('SIGKILL'), 'SIGKILL', command.stderr)
}

/** Writes a document and an entry of a log in one transaction each time. */
function startWriting(store: DocumentStore) {
  let isOver = false
  let acknowledged = 0
  const writing = (async () => {
    for (let n = 1; !isOver; n += 1) {
      await store.transaction(async (tx) => {
        await tx.collection('counter').put('counter', { n })
        await tx.log('counter').append('counter', [{ key: `${n}`, data: { n } }])
      })
      acknowledged = n
    }
  })()
  const stop = async (): Promise<number> => {
    isOver = true
    await writing
    return acknowledged
  }
  return {
    async has(count: number) {
      while (acknowledged < count) await delay(5)
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
