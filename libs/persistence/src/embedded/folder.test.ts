import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openEmbeddedDriver } from './driver.js'

describe('a data folder', () => {
  let scratch: string
  let whole: string
  let folder: string
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'holdfast-folder-'))
    whole = join(scratch, 'whole')
    const driver = await openEmbeddedDriver(whole)
    await driver.script('create table entries (n int); insert into entries values (1)')
    await driver.close()
  })
  after(() => rmSync(scratch, { recursive: true }))
  beforeEach(() => {
    folder = join(scratch, 'folder')
    rmSync(folder, { recursive: true, force: true })
  })

  test('is made, with all above it, holds pg/ and, while it is open, owner.json, and is refused to a second opener', async () => {
    folder = join(scratch, 'a', 'b', 'ünï côde')
    const driver = await openEmbeddedDriver(folder)
    assert.deepEqual(readdirSync(folder).toSorted(), ['owner.json', 'pg'])
    await assert.rejects(openEmbeddedDriver(folder), {
      code: 'FAILED_PRECONDITION',
      reason: 'FOLDER_IN_USE',
      message: new RegExp(`in use by this process \\(${process.pid}\\)`),
      metadata: { folder, pid: String(process.pid), hostname: hostname() },
    })
    await driver.close()
    assert.deepEqual(readdirSync(folder), ['pg'])
  })

  const notOurs: readonly (readonly [string, () => void, string])[] = [
    ['a file', () => writeFileSync(folder, 'x'), 'NOT_A_DATA_FOLDER'],
    ['a folder with other things', () => write('notes.txt', 'x'), 'NOT_A_DATA_FOLDER'],
    ['a folder below a file', belowFile, 'NOT_A_DATA_FOLDER'],
  ]
  for (const [name, make, reason] of notOurs) {
    test(`${name} is not taken for one`, async () => {
      make()
      await assert.rejects(openEmbeddedDriver(folder), { code: 'FAILED_PRECONDITION', reason })
      rmSync(join(scratch, 'file'), { force: true })
    })
  }

  const damages: readonly (readonly [string, () => void])[] = [
    ['pg_control is cut short', () => write('pg/global/pg_control', Buffer.alloc(100))],
    ['pg_control is missing', () => write('pg/global/other', '')],
    ['PG_VERSION is garbage', () => write('pg/PG_VERSION', 'garbage')],
    ['PG_VERSION is missing', versionIsMissing],
    ['pg is a file', pgIsFile],
  ]
  for (const [name, damage] of damages) {
    test(`whose ${name} is refused as damaged, and nothing in it is changed`, async () => {
      write('pg/PG_VERSION', '18\n')
      damage()
      const files = contentOf(folder)
      await assert.rejects(openEmbeddedDriver(folder), {
        code: 'DATA_LOSS',
        reason: 'FOLDER_DAMAGED',
        message: /restore a backup/,
      })
      assert.deepEqual(contentOf(folder), files)
    })
  }

  test('in which PostgreSQL finds damage is refused as damaged, in its words', async () => {
    cpSync(whole, folder, { recursive: true })
    for (const [damage, words] of [
      [() => write('pg/base/5/1259', Buffer.alloc(114_688, 9)), /invalid page in block 0 of relation/],
      [() => rmSync(join(folder, 'pg/pg_wal'), { recursive: true }), /pg_wal/],
      [() => write('pg/global/pg_control', Buffer.alloc(8192, 7)), /incompatible with server/],
    ] as const) {
      damage()
      await assert.rejects(openEmbeddedDriver(folder), { code: 'DATA_LOSS', reason: 'FOLDER_DAMAGED', message: words })
      assert.equal(existsSync(join(folder, 'owner.json')), false)
    }
  })

  test('of another major version of PostgreSQL is refused as such', async () => {
    cpSync(whole, folder, { recursive: true })
    write('pg/PG_VERSION', '15\n')
    await assert.rejects(openEmbeddedDriver(folder), {
      code: 'FAILED_PRECONDITION',
      reason: 'OTHER_VERSION',
      message: /version 15/,
    })
  })

  test(
    'that may not be written is refused',
    { skip: process.getuid?.() === 0 && 'root may write everywhere' },
    async () => {
      mkdirSync(folder)
      chmodSync(folder, 0o500)
      await assert.rejects(openEmbeddedDriver(folder), { code: 'PERMISSION_DENIED', reason: 'FOLDER_NOT_WRITABLE' })
      await assert.rejects(openEmbeddedDriver(join(folder, 'below')), { code: 'PERMISSION_DENIED' })
      chmodSync(folder, 0o700)
    },
  )

  test('whose first initialisation was killed, at any point, is initialised anew', async () => {
    for (const afterFiles of [1, 990]) {
      rmSync(folder, { recursive: true, force: true })
      const child = startWriter(folder)
      while (
        !existsSync(join(folder, 'pg')) ||
        readdirSync(join(folder, 'pg'), { recursive: true }).length < afterFiles
      ) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      await kill(child)
      const driver = await openEmbeddedDriver(folder)
      assert.deepEqual(await driver.query({ text: 'select 1', values: [] }), [[1]])
      assert.equal(existsSync(join(folder, 'initialising')), false)
      await driver.close()
    }
  })

  test('has every acknowledged write after kill -9, again and again', async () => {
    let acknowledged = 0
    for (let round = 0; round < 2; round++) {
      const child = startWriter(folder)
      const enough = acknowledged + 40 * (round + 1)
      await new Promise<void>((resolve) => {
        child.on('message', (n: number) => {
          acknowledged = n
          if (n >= enough) resolve()
        })
      })
      await kill(child)
      const driver = await openEmbeddedDriver(folder)
      const [row] = await driver.query({ text: 'select count(*), max(n) from entries', values: [] })
      const [count, last] = row ?? []
      // One more may have been committed without its acknowledgement.
      assert.equal(count, last)
      assert.ok(
        Number(count) >= acknowledged && Number(count) <= acknowledged + 1,
        `${String(count)} of ${acknowledged}`,
      )
      acknowledged = Number(count)
      await driver.close()
    }
  })

  function belowFile(): void {
    writeFileSync(join(scratch, 'file'), 'x')
    folder = join(scratch, 'file', 'folder')
  }

  function versionIsMissing(): void {
    rmSync(join(folder, 'pg/PG_VERSION'))
    write('pg/base/1/1259', 'somebody’s data')
  }

  function pgIsFile(): void {
    rmSync(join(folder, 'pg'), { recursive: true })
    write('pg', 'x')
  }

  function write(name: string, content: string | Buffer): void {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
})

function contentOf(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(file, readFileSync(file))
  }
  return files
}

/** A process that writes 1, 2, 3, … and tells of each when it is acknowledged. */
function startWriter(folder: string): ChildProcess {
  return fork(fileURLToPath(new URL('folder-writer.js', import.meta.url)), [folder])
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
