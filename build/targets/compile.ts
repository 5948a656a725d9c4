import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { filesOf } from './files.js'
import { runNode } from './run-node.js'
import type { Target } from './config.js'

/** Compiles the folders of these targets, and whatever they refer to that is due by the compiler's own account. */
export async function compile(root: string, targets: readonly Target[]): Promise<boolean> {
  const compiler = createRequire(join(root, 'package.json')).resolve('typescript/package.json')
  const folders = targets.map(({ name }) => name)
  // Measured on 2 cores, from clean: 8.7 s with one project at a time, whose files are checked in parallel, 10.5 s with two, 12.4 s with four.
  return runNode(root, [join(compiler, '../bin/tsc'), '-b', '--builders', '1', ...folders])
}

/** The compiler believes what it wrote down, not what lies in the folder. */
export function forgetUnlessWhole(root: string, target: Target, isAltered: boolean): void {
  const isWhole = expectedOutputs(root, target).every((path) => existsSync(join(root, path)))
  if (isAltered || !isWhole) rmSync(join(root, target.name, 'tsconfig.tsbuildinfo'), { force: true })
}

/** Removes what was compiled from sources that are gone. */
export function removeLeftovers(root: string, target: Target): void {
  const expected = new Set(expectedOutputs(root, target))
  for (const path of filesOf(root, target.outputs)) {
    if (path.startsWith(`${target.name}/dist/`) && !expected.has(path)) rmSync(join(root, path))
  }
  removeEmptyFolders(join(root, target.name, 'dist'))
}

function expectedOutputs(root: string, { name }: Target): readonly string[] {
  return filesOf(root, [`${name}/src/**`, '!**/*.d.ts'])
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const compiled = `${name}/dist/${path.slice(`${name}/src/`.length, -'.ts'.length)}`
      return [`${compiled}.js`, `${compiled}.js.map`, `${compiled}.d.ts`]
    })
}

function removeEmptyFolders(folder: string): void {
  const entries = readdirSync(folder, { withFileTypes: true })
  for (const entry of entries) if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  if (entries.length > 0 && readdirSync(folder).length === 0) rmdirSync(folder)
}
