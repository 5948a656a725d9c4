import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { npmPack } from './npm-pack.js'
import { LocalRegistry } from './registry.js'
import { type Workspace, workspacesOf } from './workspaces.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../../../..')

/** What is published. */
let published: readonly Workspace[]
let project: string

before(async () => {
  published = workspacesOf(root).filter(({ manifest }) => manifest.private !== true)
  project = mkdtempSync(join(tmpdir(), 'holdfast-project-'))
  const tarballs = await npmPack(root, published, project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }))
  await using registry = await LocalRegistry.start(
    root,
    published.map(({ manifest }) => manifest),
  )
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--fetch-retries=0']
  const where = ['--registry', registry.url, '--cache', join(project, '.npm')]
  await run('npm', ['install', ...quiet, ...where, ...tarballs.map(({ filename }) => `./${filename}`)], {
    cwd: project,
  })
})

after(() => rmSync(project, { recursive: true, force: true }))

test('every package says what it needs, what it gives and where its types are', () => {
  for (const { name, manifest } of published) {
    const at = join(project, 'node_modules', name)
    assert.equal(manifest.engines?.['node'], '>=20.19', name)
    for (const [path, entry] of Object.entries(manifest.exports ?? {})) {
      const files = typeof entry === 'string' ? [entry] : [entry.types, entry.default]
      for (const file of files) assert.ok(existsSync(join(at, file)), `${name} ${path}: ${file}`)
    }
    for (const file of Object.values(manifest.bin ?? {})) assert.ok(existsSync(join(at, file)), `${name}: ${file}`)
    const files = readdirSync(at, { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      files.filter((file) => /\.test\.|^src\//.test(file)),
      [],
      `${name} has tests or sources`,
    )
  }
})

test('every package loads in an empty project, with nothing but what it asks for', async () => {
  const names = published.map(({ name }) => name)
  const script = `for (const name of ${JSON.stringify(names)}) {
    const found = await import(name)
    if (name !== 'holdfast' && Object.keys(found).length === 0) throw new Error(name + ' gives nothing')
  }`
  await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: project })
})

test('the compiler finds the types of all that is given', async () => {
  const entries = published.flatMap(({ name, manifest }) =>
    Object.keys(manifest.exports ?? {}).flatMap((path) => (path.endsWith('.json') ? [] : [`${name}${path.slice(1)}`])),
  )
  writeFileSync(
    join(project, 'all.ts'),
    entries.map((entry, index) => `import * as p${index} from '${entry}'\nexport { p${index} }\n`).join(''),
  )
  const compiler = join(createRequire(join(root, 'package.json')).resolve('typescript/package.json'), '../bin/tsc')
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--lib',
    'es2023,esnext.disposable',
    ...types,
  ]
  const { stdout } = await run(process.execPath, [compiler, ...options, 'all.ts'], { cwd: project }).catch(
    (error: { readonly stdout: string }) => error,
  )
  assert.equal(stdout, '')
})

test('the command runs, and keeps what it is given in a database of its own', async () => {
  const holdfast = join(project, 'node_modules/.bin/holdfast')
  const { stdout: version } = await run(holdfast, ['--version'], { cwd: project })
  assert.equal(version.trim(), published.find(({ name }) => name === 'holdfast')?.manifest.version)
  writeFileSync(
    join(project, 'kept.js'),
    `import { openDocumentStore } from '@holdfast/persistence'
     const store = await openDocumentStore()
     await store.collection('users').put('ada', { name: 'Ada' })
     console.log((await store.collection('users').get('ada')).data.name)
     await store.close()`,
  )
  const { stdout } = await run(process.execPath, ['kept.js'], { cwd: project })
  assert.equal(stdout, 'Ada\n')
})
