import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'

// By a name that the compiler does not follow: this is compiled before the packages are.
const persistence: string = '@holdfast/persistence'

const script = resolve(import.meta.dirname, '../../orchestration/backup.sh')
const weekMs = 7 * 86_400_000

let folder: string
let backups: string
let database: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-backups-'))
  backups = join(folder, 'backups')
  mkdirSync(backups)
  database = `embedded:${join(folder, 'data')}`
  const { openDocumentStore } = (await import(persistence)) as { readonly openDocumentStore: OpenStore }
  const store = await openDocumentStore(database)
  await store.collection('users').put('ada', { name: 'Ada' })
  await store.close()
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('a backup that failed removes none of those before; a good one is read again, and removes those that are too old', async () => {
  writeOldBackup()
  const failed = await run('postgres://somebody:hush@127.0.0.1:1/nowhere')
  assert.equal(failed.code, 69, failed.said)
  assert.match(failed.said, /UNAVAILABLE: PostgreSQL at 127\.0\.0\.1:1 cannot be reached/)
  assert.deepEqual(readdirSync(backups), ['holdfast-old.backup'])

  const made = await run(database)
  assert.equal(made.code, 0, made.said)
  assert.match(made.said, /whole and unchanged: 1 collections, 1 documents/)
  const [only, ...others] = readdirSync(backups)
  assert.match(String(only), /^holdfast-\d{4}-\d\d-\d\dT[\d-]+Z\.backup$/)
  assert.deepEqual(others, [])
})

test('daily, it goes on until it is told to stop', async () => {
  for (const name of readdirSync(backups)) rmSync(join(backups, name))
  const { child, ended } = start(database, 'daily')
  child.stdout.setEncoding('utf8')
  for await (const said of child.stdout) if (/whole and unchanged/.test(String(said))) break
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.equal(readdirSync(backups).length, 1)
})

type OpenStore = (url: string) => Promise<{
  collection(name: string): { put(id: string, data: object): Promise<unknown> }
  close(): Promise<void>
}>

function writeOldBackup(): void {
  const path = join(backups, 'holdfast-old.backup')
  writeFileSync(path, 'a backup')
  const at = new Date(Date.now() - weekMs - 2 * 86_400_000)
  utimesSync(path, at, at)
}

function start(url: string, ...more: readonly string[]) {
  const child = spawn('sh', [script, backups, ...more], {
    env: { ...process.env, HOLDFAST_DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, ended }
}

async function run(url: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const { child, ended } = start(url)
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, said: out + err }
}
