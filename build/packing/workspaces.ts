import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { join } from 'node:path'

/** A package of this repository. */
export interface Workspace {
  readonly name: string
  /** Relative to the root. */
  readonly folder: string
  readonly manifest: Manifest
}

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly engines?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

export function workspacesOf(root: string): readonly Workspace[] {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: readonly string[]
  }
  return workspaces
    .flatMap((pattern) => {
      const above = pattern.replace(/\/\*$/, '')
      return above === pattern ? [pattern] : readdirSync(join(root, above)).map((name) => `${above}/${name}`)
    })
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(join(root, folder)) }))
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }))
}

/** Those that this one needs to run, itself included. */
export function neededBy(name: string, workspaces: readonly Workspace[]): readonly Workspace[] {
  const needed = new Set<Workspace>()
  const visit = (wanted: string): void => {
    const found = workspaces.find((one) => one.name === wanted)
    if (found === undefined || needed.has(found)) return
    needed.add(found)
    for (const dependency of Object.keys(found.manifest.dependencies ?? {})) visit(dependency)
  }
  visit(name)
  return [...needed]
}
