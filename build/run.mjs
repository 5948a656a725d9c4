// Node.js 20 runs no TypeScript: compiles build.ts and what belongs to it if they have changed, and runs it. All else about building is there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
const compiled = join(root, 'build/dist')
const stamp = join(compiled, 'sources.sha256')

const hash = sourcesHash()
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
  rmSync(compiled, { recursive: true, force: true })
  const compiler = createRequire(join(root, 'package.json')).resolve('typescript/package.json')
  const { status } = spawnSync(process.execPath, [join(compiler, '../bin/tsc'), '-p', join(root, 'build')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(stamp, hash)
}
await import(pathToFileURL(join(compiled, 'build/build.js')).href)

function sourcesHash() {
  const { include } = JSON.parse(readFileSync(join(root, 'build/tsconfig.json'), 'utf8'))
  const folders = ['build', 'build/targets', 'build/packing'].filter((folder) => existsSync(join(root, folder)))
  const beside = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  const elsewhere = include.filter((path) => path.startsWith('../')).map((path) => path.slice('../'.length))
  const sources = [...beside.filter((path) => path.endsWith('.ts')), ...elsewhere]
  const hash = createHash('sha256')
  for (const path of [...sources, 'build/tsconfig.json', 'tsconfig.base.json', 'package-lock.json']) {
    hash.update(path).update(readFileSync(join(root, path)))
  }
  return hash.digest('hex')
}
