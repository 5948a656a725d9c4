import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openEmbeddedDriver } from './driver.js'

/** A disk that can be full is a small tmpfs. Making one takes root, or a user namespace in which this file runs again. */
const inNamespace = process.env['HOLDFAST_TEST_IN_NAMESPACE'] === 'yes'
const isRoot = process.getuid?.() === 0
const canMount = isRoot && tryMount()
const canUnshare = !canMount && !inNamespace && spawnSync('unshare', ['-rm', 'true']).status === 0
const skip = !canMount && 'a full disk needs a tmpfs, and this user may neither mount one nor use unshare -rm'

if (canUnshare) {
  test('a full disk, in a user namespace', () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const self = fileURLToPath(import.meta.url)
    const arguments_ = ['-rm', process.execPath, '--test', self]
    const result = spawnSync('unshare', arguments_, {
      env: { ...env, HOLDFAST_TEST_IN_NAMESPACE: 'yes' },
      encoding: 'utf8',
    })
    assert.equal(result.status, 0, result.stdout)
  })
} else {
  test(
    'a full disk: writes fail saying so, reads go on, and writes work again when there is space',
    { skip },
    async () => {
      await onSmallDisk(96, async (disk) => {
        const driver = await openEmbeddedDriver(join(disk, 'data'))
        await driver.script('create table entries (n int primary key, text text)')
        fill(disk, 4)
        const failed = await untilItFails((n) =>
          driver.query({
            name: 'insert',
            text: `insert into entries select $1::int8, string_agg(md5(random()::text), '') from generate_series(1, 5000)`,
            values: [n],
          }),
        )
        assert.deepEqual([failed.code, failed.reason], ['RESOURCE_EXHAUSTED', 'DISK_FULL'])
        const count = { text: 'select count(*) from entries', values: [], readOnly: true }
        assert.deepEqual(await driver.query(count), [[failed.succeeded]])
        rmSync(join(disk, 'ballast'))
        await driver.query({ text: `insert into entries values (-1, 'x')`, values: [] })
        await driver.close()
      })
    },
  )

  test(
    'no space for the write-ahead log: the database stops, says so, loses nothing, and comes back when there is space',
    { skip },
    async () => {
      await onSmallDisk(96, async (disk) => {
        const driver = await openEmbeddedDriver(join(disk, 'data'))
        await driver.script('create table entries (n int primary key, text text)')
        fill(disk, 8)
        await driver.query({ text: `insert into entries values (1, '')`, values: [] })
        // The message is for the log only, so that it is the log that needs space first.
        const update = {
          name: 'update',
          text: `update entries set text = $1::text
          where n = 1 and pg_logical_emit_message(true, 'test', repeat('x', 200000)) is not null`,
        }
        const failed = await untilItFails((n) => driver.query({ ...update, values: [`${n}`] }))
        assert.equal(failed.code, 'UNKNOWN')
        const read = { text: `select text::int from entries`, values: [], readOnly: true }
        await assert.rejects(driver.query(read), { code: 'RESOURCE_EXHAUSTED', reason: 'DISK_FULL' })
        rmSync(join(disk, 'ballast'))
        const last = await untilItWorks(() => driver.query(read))
        assert.ok([failed.succeeded - 1, failed.succeeded].includes(Number(last[0]?.[0])))
        await driver.query({ ...update, values: ['again'] })
        await driver.close()
      })
    },
  )

  test('no space for a new database: says so, and it is made when there is space', { skip }, async () => {
    await onSmallDisk(96, async (disk) => {
      fill(disk, 20)
      await assert.rejects(openEmbeddedDriver(join(disk, 'data')), { code: 'RESOURCE_EXHAUSTED', reason: 'DISK_FULL' })
      rmSync(join(disk, 'ballast'))
      const driver = await openEmbeddedDriver(join(disk, 'data'))
      assert.deepEqual(await driver.query({ text: 'select 1', values: [] }), [[1]])
      await driver.close()
    })
  })
}

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mount-'))
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status !== 0) return false
    execFileSync('umount', [folder])
    return true
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function onSmallDisk(megabytes: number, work: (disk: string) => Promise<void>): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'holdfast-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', disk])
  try {
    await work(disk)
  } finally {
    // Lazily: after a failed assertion a database may still be open on it.
    execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true })
  }
}

/** Leaves this much free. */
function fill(disk: string, freeMegabytes: number): void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - freeMegabytes * 1024 * 1024))
}

async function untilItFails(
  work: (n: number) => Promise<unknown>,
): Promise<{ readonly code: string; readonly reason: string; readonly succeeded: number }> {
  for (let n = 0; n < 20_000; n++) {
    const [result] = await Promise.allSettled([work(n)])
    if (result.status === 'rejected') return { code: result.reason.code, reason: result.reason.reason, succeeded: n }
  }
  return assert.fail('the disk did not get full')
}

async function untilItWorks<R>(work: () => Promise<R>): Promise<R> {
  for (;;) {
    const [result] = await Promise.allSettled([work()])
    if (result.status === 'fulfilled') return result.value
    assert.equal(result.reason.reason, 'DISK_FULL')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
