import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { make } from './make.js'

// A repository of two libraries, one of which uses the other, and a script.
const files = {
  'build/config/build-config.yml': `
    everywhere: [tsconfig.base.json]
    typescript:
      folders: [libs/*]
      inputs: [tsconfig.json, src/**]
      outputs: [dist/**, tsconfig.tsbuildinfo]
    scripts:
      copy:
        command: [copy.js]
        inputs: [copy.js, original]
        outputs: [copied/*]
        dependencies: [libs/below]
  `,
  'tsconfig.base.json': JSON.stringify({
    compilerOptions: {
      composite: true,
      sourceMap: true,
      module: 'nodenext',
      types: [],
      lib: ['es5'],
      target: 'es2023',
    },
  }),
  'libs/below/tsconfig.json': project(),
  'libs/below/src/one.ts': 'export const one: number = 1\n',
  'libs/below/src/two.ts': 'export const two: number = 2\n',
  'libs/above/tsconfig.json': project('../below'),
  'libs/above/src/sum.ts': "import { one } from '../../below/src/one.js'\nexport const sum: number = one + 1\n",
  'copy.js': "const fs = require('node:fs'); fs.mkdirSync('copied'); fs.copyFileSync('original', 'copied/it')",
  original: 'as it was',
}

let root: string

before(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-make-'))
  for (const [path, text] of Object.entries(files)) write(path, text)
  write('package.json', '{}')
  symlinkSync(resolve(import.meta.dirname, '../../../../node_modules'), join(root, 'node_modules'))
})

after(() => rmSync(root, { recursive: true, force: true }))

test('makes what is due and nothing else, and says why', async () => {
  assert.deepEqual(await made(), { upToDate: 0, fromCache: 0, made: 3, failed: [] })
  assert.equal(read('copied/it'), 'as it was')
  assert.match(read('libs/below/dist/one.js'), /one = 1/)
  assert.deepEqual(await made(), { upToDate: 3, fromCache: 0, made: 0, failed: [] })

  write('libs/below/src/one.ts', 'export const one: number = 10\n')
  rmSync(join(root, 'libs/below/src/two.ts'))
  rmSync(join(root, 'copied'), { recursive: true })
  const why = new Map<string, string>()
  await make(root, { explain: (target, reason) => why.set(target, reason) })
  assert.equal(why.get('libs/below'), 'is due: libs/below/src/one.ts has changed, libs/below/src/two.ts is gone')
  assert.equal(why.get('libs/above'), 'is due: libs/below is due')
  assert.match(read('libs/below/dist/one.js'), /one = 10/)
  assert.ok(!existsSync(join(root, 'libs/below/dist/two.js')), 'what was compiled from a source that is gone is gone')
  assert.deepEqual(await made(), { upToDate: 3, fromCache: 0, made: 0, failed: [] })
})

test('takes from the cache what was made before from the same', async () => {
  write('libs/below/src/one.ts', files['libs/below/src/one.ts'])
  write('libs/below/src/two.ts', files['libs/below/src/two.ts'])
  rmSync(join(root, 'copied'), { recursive: true, force: true })
  assert.deepEqual(await made(), { upToDate: 0, fromCache: 3, made: 0, failed: [] })
  assert.match(read('libs/below/dist/one.js'), /one = 1;/)
  assert.ok(existsSync(join(root, 'libs/below/dist/two.js')))
})

test('makes again what was removed or changed by hand, though the compiler takes it for done', async () => {
  rmSync(join(root, 'build/.cache/outputs'), { recursive: true })
  rmSync(join(root, 'libs/below/dist'), { recursive: true })
  write('libs/above/dist/sum.js', 'throw new Error()')
  assert.deepEqual(await made(), { upToDate: 1, fromCache: 0, made: 2, failed: [] })
  assert.match(read('libs/below/dist/one.js'), /one = 1/)
  assert.match(read('libs/above/dist/sum.js'), /sum = /)
})

test('names what could not be made, makes nothing on it, and does not take it for made later', async () => {
  write('copy.js', 'process.exit(1)')
  for (const _ of [1, 2]) assert.deepEqual((await made()).failed, ['copy'])
})

test('refuses a target that is not there', async () => {
  await assert.rejects(make(root, { only: ['libs/none'] }), /There is no target libs\/none/)
})

const made = () => make(root)

function project(...references: readonly string[]): string {
  return JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: 'src', outDir: 'dist' },
    include: ['src'],
    references: references.map((path) => ({ path })),
  })
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
