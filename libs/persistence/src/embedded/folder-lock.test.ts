import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FolderLock } from './folder-lock.js'
import { thisProcess } from './process-identity.js'

const contender = fileURLToPath(new URL('folder-lock-contender.js', import.meta.url))

describe('the lock of a data folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-lock-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const ownerFile = (): string => join(folder, 'owner.json')
  const leave = (owner: Record<string, unknown>): void => {
    writeFileSync(
      ownerFile(),
      JSON.stringify({ ...thisProcess(), token: 'left', since: '2026-01-01T00:00:00Z', ...owner }),
    )
  }
  const takes = async (): Promise<void> => {
    const lock = await FolderLock.take(folder)
    const owner = JSON.parse(readFileSync(ownerFile(), 'utf8'))
    assert.equal(owner.pid, process.pid)
    lock.release()
    assert.deepEqual(readdirSync(folder), [])
  }
  const refuses = async (pattern: RegExp): Promise<void> => {
    await assert.rejects(FolderLock.take(folder), {
      code: 'FAILED_PRECONDITION',
      reason: 'FOLDER_IN_USE',
      message: pattern,
    })
    assert.deepEqual(readdirSync(folder), ['owner.json'])
  }

  test('is taken, names its owner, and is let go', takes)

  test('is refused to a second taker in the same process', async () => {
    const lock = await FolderLock.take(folder)
    await refuses(new RegExp(`${folder} is in use by this process \\(${process.pid}\\)`))
    lock.release()
    await takes()
  })

  test('is refused to another process, which is told whose it is, until the owner is killed', async () => {
    const owner = await contend(folder)
    assert.equal(owner.outcome, 'taken')
    await refuses(new RegExp(`process ${owner.child.pid} since`))
    await kill(owner.child)
    await takes()
  })

  test('is taken over from a process that is gone', async () => {
    const { child } = await contend(mkdtempIn(folder))
    await kill(child)
    rmSync(folder, { recursive: true })
    folder = mkdtempSync(join(tmpdir(), 'holdfast-lock-'))
    const { startedAt: _, ...identity } = thisProcess()
    writeFileSync(ownerFile(), JSON.stringify({ ...identity, pid: child.pid, token: 'left', since: 'then' }))
    await takes()
  })

  test('is taken over when its process id is that of another process now, even of this one', async () => {
    leave({ startedAt: '1' })
    await (thisProcess().startedAt === undefined ? refuses(/in use/) : takes())
  })

  test('is taken over after a restart of the machine', async () => {
    leave({ bootId: 'another' })
    await takes()
  })

  test('is not taken over from another machine while its heart beats', async () => {
    leave({ bootId: 'another', hostname: 'elsewhere', pid: 1 })
    await refuses(/process 1 on elsewhere/)
    const long = new Date(Date.now() - 31_000)
    utimesSync(ownerFile(), long, long)
    await takes()
  })

  test('is not taken over from another container of this machine while its heart beats', async () => {
    leave({ pidNamespace: 'another', hostname: 'container', pid: 1 })
    const beating = setInterval(() => utimesSync(ownerFile(), new Date(), new Date()), 100)
    await refuses(/process 1 on container/)
    clearInterval(beating)
  })

  test('is taken over from another container of this machine whose heart has stopped', async () => {
    leave({ pidNamespace: 'another', pid: 1 })
    const long = new Date(Date.now() - 31_000)
    utimesSync(ownerFile(), long, long)
    await takes()
  })

  for (const [name, content] of [
    ['is empty', ''],
    ['is not JSON', '{"pid": 1'],
    ['is something else', '{"pid": "1"}'],
  ] as const) {
    test(`is taken over when owner.json ${name}`, async () => {
      writeFileSync(ownerFile(), content)
      await takes()
    })
  }

  test('is taken over from one who died while taking it over from one who died', async () => {
    leave({ bootId: 'another' })
    writeFileSync(
      join(folder, 'owner.json.left.claim1'),
      JSON.stringify({ ...thisProcess(), bootId: 'another', token: 'b', since: '' }),
    )
    await takes()
  })

  test('clears away what processes left that were killed while they tried', async () => {
    for (const name of ['a.candidate', 'b.owner', 'c.claim1']) {
      writeFileSync(
        join(folder, `owner.json.${name}`),
        JSON.stringify({ ...thisProcess(), bootId: 'another', token: 'b', since: '' }),
      )
    }
    await takes()
  })

  test('ten processes at once on a lock that was left behind: exactly one gets it', async () => {
    for (let round = 0; round < 3; round++) {
      leave({ bootId: 'another' })
      const contenders = await Promise.all(Array.from({ length: 10 }, () => start(folder)))
      const outcomes = await Promise.all(contenders.map((child) => go(child)))
      assert.deepEqual(outcomes.toSorted(), [...Array.from({ length: 9 }, () => 'FOLDER_IN_USE'), 'taken'])
      await Promise.all(contenders.map((child) => kill(child)))
    }
  })

  test('its heart beats while its owner does nothing', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const lock = await FolderLock.take(folder)
    const long = new Date(Date.now() - 60_000)
    utimesSync(ownerFile(), long, long)
    t.mock.timers.tick(5_000)
    assert.ok(Date.now() - statSync(ownerFile()).mtimeMs < 5_000)
    lock.release()
  })

  test('tells an owner that was stopped for long that it has lost the folder, and leaves it to the new one', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    let lost = 0
    const lock = await FolderLock.take(folder, () => lost++)
    leave({ token: 'of another' })
    t.mock.timers.tick(5_000)
    assert.equal(lost, 1)
    lock.release()
    assert.ok(existsSync(ownerFile()))
  })
})

function mkdtempIn(folder: string): string {
  return mkdtempSync(join(folder, 'inner-'))
}

async function contend(folder: string): Promise<{ readonly child: ChildProcess; readonly outcome: string }> {
  const child = await start(folder)
  return { child, outcome: await go(child) }
}

async function start(folder: string): Promise<ChildProcess> {
  const child = fork(contender, [folder])
  await once(child, 'message')
  return child
}

async function go(child: ChildProcess): Promise<string> {
  const answer = once(child, 'message')
  child.send('go')
  return String((await answer)[0])
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
