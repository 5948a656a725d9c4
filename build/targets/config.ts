import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parse } from 'yaml'

/** What is made from its inputs, known by its name: a folder, or what build-config.yml calls it. */
export interface Target {
  readonly name: string
  /** Compiled by `tsc -b` in the folder that it is named after; else a script of Node.js and its arguments. */
  readonly how: 'typescript' | readonly string[]
  /** Patterns, relative to the root. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Names of targets that must be made before. */
  readonly dependencies: readonly string[]
}

export interface BuildConfig {
  /** Patterns of what all targets depend on. */
  readonly everywhere: readonly string[]
  /** Each behind what it depends on. */
  readonly targets: readonly Target[]
}

interface Written {
  readonly everywhere: readonly string[]
  readonly typescript: Pick<Target, 'inputs' | 'outputs'> & { readonly folders: readonly string[] }
  readonly scripts: {
    readonly [name: string]: Pick<Target, 'inputs' | 'outputs' | 'dependencies'> & {
      readonly command: readonly string[]
    }
  }
}

/** @throws if a target depends on one that is not there, or on itself */
export function readBuildConfig(root: string): BuildConfig {
  const written = parse(readFileSync(join(root, 'build/config/build-config.yml'), 'utf8')) as Written
  const compiled = written.typescript.folders
    .flatMap((pattern) => foldersOf(root, pattern))
    .map((folder) => compiledTarget(root, folder, written.typescript))
  const scripts = Object.entries(written.scripts).map(([name, { command, ...rest }]) => ({
    name,
    how: command,
    ...rest,
  }))
  return { everywhere: written.everywhere, targets: inOrder([...compiled, ...scripts]) }
}

/** `libs/*`, or a single folder. */
function foldersOf(root: string, pattern: string): readonly string[] {
  const above = pattern.endsWith('/*') ? pattern.slice(0, -2) : undefined
  const folders = above === undefined ? [pattern] : readdirSync(join(root, above)).map((name) => `${above}/${name}`)
  return folders.filter((folder) => existsSync(join(root, folder, 'tsconfig.json'))).toSorted()
}

function compiledTarget(root: string, name: string, { inputs, outputs }: Written['typescript']): Target {
  const inFolder = (pattern: string): string =>
    pattern.startsWith('!') ? `!${name}/${pattern.slice(1)}` : `${name}/${pattern}`
  return {
    name,
    how: 'typescript',
    inputs: inputs.map(inFolder),
    outputs: outputs.map(inFolder),
    dependencies: referencesOf(root, name),
  }
}

function referencesOf(root: string, folder: string): readonly string[] {
  const text = readFileSync(join(root, folder, 'tsconfig.json'), 'utf8').replace(/^\s*\/\/.*$/gm, '')
  const { references = [] } = JSON.parse(text) as { readonly references?: readonly { readonly path: string }[] }
  return references.map(({ path }) => posix.join(folder, path))
}

function inOrder(targets: readonly Target[]): readonly Target[] {
  const byName = new Map(targets.map((target) => [target.name, target]))
  const ordered = new Set<Target>()
  const visit = (target: Target, above: readonly string[]): void => {
    const way = [...above, target.name]
    if (above.includes(target.name)) throw new Error(`Targets depend on each other: ${way.join(' → ')}`)
    for (const name of target.dependencies) {
      const dependency = byName.get(name)
      if (dependency === undefined) throw new Error(`${target.name} depends on ${name}, which is not a target`)
      visit(dependency, way)
    }
    ordered.add(target)
  }
  for (const target of targets) visit(target, [])
  return [...ordered]
}
