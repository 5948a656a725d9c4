// Runs the compiled tests of all workspaces, or of those whose path contains one of the arguments:
//   npm test -- libs/session apps/cli/src/doctor
// Starts one PostgreSQL for all test files, and fails when a test leaves a process or a temporary file behind, or when any process of the
// run has written a secret (build/canary.mjs).
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, readFile, readdir, rm } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { audioPackages, installDebianPackages, promtoolPackages, redisPackages } from './install-debian-packages.mjs'
import { endStrayProcesses } from './stray-processes.mjs'
import { makeTestFolder } from './test-folder.mjs'

// Node 20 counts a file as one test: the limit is for a whole file there.
const fileTimeoutMs = 300_000
// Two cores; many files wait for timers, disks and other processes.
const concurrency = 3

const root = resolve(import.meta.dirname, '..')
process.exitCode = await main(process.argv.slice(2))

async function main(filters) {
  const startedAt = performance.now()
  const files = compiledTests().filter(
    (file) => filters.length === 0 || filters.some((filter) => file.source.includes(posix(filter))),
  )
  if (files.length === 0) {
    print(filters.length === 0 ? 'there are no compiled tests' : `no test file's path contains ${filters.join(' or ')}`)
    return 1
  }

  const folder = makeTestFolder()
  // PostgreSQL runs as another account when the tests run as root, and has to pass through.
  await chmod(folder, 0o711)
  const mark = `HOLDFAST_TEST_RUN=${folder.slice(-6)}`
  setEnvironment(folder, mark)
  const interrupted = new AbortController()
  const onSignal = (signal) => interrupted.abort(signal)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal)

  let code = 1
  const left = []
  let told = []
  let postgres
  try {
    const someEndWith = (end) => files.some((file) => file.source.endsWith(end))
    await installDebianPackages([
      ...(someEndWith('.redis.test.ts') ? redisPackages : []),
      ...(someEndWith('.audio.test.ts') ? audioPackages : []),
      ...(someEndWith('.promtool.test.ts') ? promtoolPackages : []),
    ])
    if (files.some((file) => file.source.includes('.pg.'))) {
      const { startPostgres } = await import('@holdfast/test-servers')
      // It holds nothing worth keeping; the tests that need durability start servers of their own.
      postgres = await startPostgres({ settings: { fsync: 'off', max_connections: '300' } })
      process.env.HOLDFAST_TEST_POSTGRES_URL = postgres.url
    }
    if (!interrupted.signal.aborted) code = await runTests(files, interrupted.signal)
    await postgres?.stop()
  } finally {
    left.push(...(await endStrayProcesses(mark)).map((one) => `process ${one}`))
    told = (await readFile(process.env.HOLDFAST_TEST_FINDS, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
    await rm(process.env.HOLDFAST_TEST_FINDS, { force: true })
    left.push(...(await readdir(folder)).map((name) => `temporary file ${name}`))
    await rm(folder, { recursive: true, force: true })
  }
  for (const one of left) print(`a test left behind: ${one}`)
  for (const one of told) print(`a secret was written: ${one}`)
  print(`${files.length} files in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  if (interrupted.signal.aborted) return 130
  return left.length + told.length > 0 && code === 0 ? 1 : code
}

/** `{ source, compiled }`, both relative to the root. The build has removed what was compiled from tests that are gone. */
function compiledTests() {
  const groups = ['libs', 'libs/adapters', 'services', 'apps'].flatMap((group) =>
    existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => join(group, name)) : [],
  )
  return [...groups, 'bench', 'faults']
    .flatMap((workspace) => testsOf(join(workspace, 'src'), join(workspace, 'dist')))
    .concat(testsOf('build', join('build', 'dist', 'build')))
    .toSorted((a, b) => (a.source < b.source ? -1 : 1))
}

function testsOf(src, folder) {
  const dist = join(root, folder)
  if (!existsSync(dist)) return []
  const found = []
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.test.js')) continue
    const compiled = join(entry.parentPath ?? entry.path, entry.name)
    const source = join(src, relative(dist, compiled).replace(/\.js$/, '.ts'))
    found.push({ source: posix(source), compiled: relative(root, compiled) })
  }
  return found
}

/** What children inherit: a place for temporary files that can be checked, the mark by which strays are found, and
 *  nothing of what the caller's shell says about databases and models: tests bring their own. */
function setEnvironment(folder, mark) {
  for (const name of Object.keys(process.env)) {
    // What a caller means for the tests: another server, a model that is not installed, another seed, the long form (docs/guides/queries.md).
    if (/^HOLDFAST_TEST_(?:DATABASE_URL|KOKORO_FOLDER|SEED|CASES|SQL_FILTERS)$/.test(name)) continue
    if (/^(HOLDFAST_|PG|OPENAI_|OTEL_|NODE_TEST_CONTEXT)/.test(name)) delete process.env[name]
  }
  process.env.TMPDIR = folder
  const [name, value] = mark.split('=')
  process.env[name] = value
  process.env.HOLDFAST_TEST_SECRET = `hush-${randomBytes(8).toString('hex')}`
  process.env.HOLDFAST_TEST_FINDS = join(folder, 'secrets-that-were-written')
  const preloads = ['canary.mjs', 'quick-wasm.mjs'].map(
    (name) => `--import=${pathToFileURL(join(root, 'build', name)).href}`,
  )
  process.env.NODE_OPTIONS = [process.env.NODE_OPTIONS ?? '', ...preloads].join(' ').trim()
}

async function runTests(files, signal) {
  const options = [`--test-concurrency=${concurrency}`, `--test-timeout=${fileTimeoutMs}`]
  for (const reporter of ['spec', './build/slow-files.mjs']) {
    options.push(`--test-reporter=${reporter}`, '--test-reporter-destination=stdout')
  }
  const child = spawn(process.execPath, ['--test', ...options, ...files.map((file) => file.compiled)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // A group of its own, so that Ctrl-C comes to us first and the server stops after the tests that use it.
    detached: true,
  })
  const stop = () => child.kill('SIGINT')
  signal.addEventListener('abort', stop, { once: true })
  const [code] = await once(child, 'exit')
  signal.removeEventListener('abort', stop)
  return code ?? 1
}

function posix(path) {
  return path.split(sep).join('/')
}

function print(line) {
  process.stdout.write(`test: ${line}\n`)
}
