import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

/** An example that imports something is a whole program: it has to run by itself, in memory or embedded in its own folder. */
describe('the examples of the guides', async () => {
  const guides = join(root, 'docs/guides')
  // Inside the repository, so that package names resolve.
  const folder = await mkdtemp(join(import.meta.dirname, 'guide-'))
  after(() => rm(folder, { recursive: true }))
  const names = new Map<string, string[]>()
  for (const guide of (await readdir(guides)).filter((file) => file.endsWith('.md'))) {
    const text = await readFile(join(guides, guide), 'utf8')
    for (const [, code = ''] of text.matchAll(/^```ts\n([\s\S]*?)^```/gm)) {
      if (!/^import /m.test(code)) continue
      const ofGuide = names.get(guide) ?? []
      const name = `${guide.replace(/\.md$/, '')}-${ofGuide.length + 1}`
      names.set(guide, [...ofGuide, name])
      await writeFile(join(folder, `${name}.ts`), code)
    }
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(compilation))

  it('compile', async () => {
    assert.ok(names.size > 0)
    await succeeds('the examples of the guides', [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], folder)
  })

  for (const [guide, ofGuide] of names) {
    it(`of ${guide} run`, async () => {
      for (const name of ofGuide) {
        const own = join(folder, `of-${name}`)
        await mkdir(own)
        await succeeds(`${name} of ${guide}`, [join(folder, 'out', `${name}.js`)], own)
      }
    })
  }
})

const compilation = {
  extends: join(root, 'tsconfig.base.json'),
  compilerOptions: {
    composite: false,
    rootDir: '.',
    outDir: 'out',
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    isolatedDeclarations: false,
    noUnusedLocals: false,
    types: ['node'],
  },
  include: ['*.ts'],
}

async function succeeds(what: string, command: readonly string[], folder: string): Promise<void> {
  try {
    await run(process.execPath, command, { cwd: folder, timeout: 120_000 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string }
    assert.fail(`${what}: ${String(error)}\n${stdout}\n${stderr}`)
  }
}
