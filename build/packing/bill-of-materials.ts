import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashOf } from '../targets/files.js'
import { neededBy, readManifest, workspacesOf } from './workspaces.js'

/** CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/ */
export interface Bill {
  readonly bomFormat: 'CycloneDX'
  readonly specVersion: '1.6'
  readonly serialNumber: string
  readonly version: 1
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

interface Component {
  readonly type: 'application' | 'library'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly scope?: 'required' | 'optional'
  readonly licenses?: readonly ({ readonly expression: string } | { readonly license: { readonly name: string } })[]
  readonly hashes?: readonly { readonly alg: 'SHA-512'; readonly content: string }[]
}

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** All that is installed to run Holdfast, by the lock file; what is for developing it is not in it. The same lock file makes the same bill.
 *  `npm sbom` refuses a tree with overrides as ours, and writes the time and a random number into it. */
export function billOfMaterials(root: string): Bill {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  const installed = Object.entries(packages).filter(
    ([path, { dev = false, link = false, version, resolved = '' }]) =>
      path.includes('node_modules/') && !dev && !link && version !== undefined && !resolved.startsWith('file:'),
  )
  const references = new Map(
    installed.map(([path, { version }]) => [path, `${nameOf(path)}@${version}|${hashOf(path).slice(0, 8)}`]),
  )
  const needs = new Map(
    installed.map(([path, one]) => [references.get(path) ?? '', dependenciesOf(path, one, references)]),
  )
  const direct = neededBy('holdfast', workspacesOf(root)).flatMap(({ folder }) =>
    dependenciesOf(folder, packages[folder] ?? {}, references),
  )
  // The models on this machine, which the root brings.
  direct.push(...dependenciesOf('', packages[''] ?? {}, references))
  const needed = new Set<string>()
  const visit = (reference: string): void => {
    if (needed.has(reference)) return
    needed.add(reference)
    for (const one of needs.get(reference) ?? []) visit(one)
  }
  for (const one of direct) visit(one)
  const kept = installed.filter(([path]) => needed.has(references.get(path) ?? ''))
  const { version } = readManifest(join(root, 'apps/cli'))
  const application = {
    type: 'application' as const,
    'bom-ref': `holdfast@${version}`,
    name: 'holdfast',
    version,
    purl: `pkg:npm/holdfast@${version}`,
  }
  const bill = {
    bomFormat: 'CycloneDX' as const,
    specVersion: '1.6' as const,
    version: 1 as const,
    metadata: { component: application },
    components: kept.map(([path, one]) => componentOf(path, one, references.get(path) ?? '')),
    dependencies: [
      { ref: application['bom-ref'], dependsOn: [...new Set(direct)].toSorted() },
      ...kept.map(([path]) => ({
        ref: references.get(path) ?? '',
        dependsOn: needs.get(references.get(path) ?? '') ?? [],
      })),
    ],
  }
  const hash = hashOf(JSON.stringify(bill))
  // A UUID of version 8: made from the content.
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ]
  return { ...bill, serialNumber: `urn:uuid:${parts.join('-')}` }
}

function componentOf(
  path: string,
  { version = '', license, integrity = '', optional = false }: LockedPackage,
  reference: string,
): Component {
  const name = nameOf(path)
  const [, digest = ''] = /^sha512-(.+)$/.exec(integrity) ?? []
  return {
    type: 'library',
    'bom-ref': reference,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    scope: optional ? 'optional' : 'required',
    ...(license === undefined ? {} : { licenses: [{ license: { name: license } }] }),
    ...(digest === ''
      ? {}
      : { hashes: [{ alg: 'SHA-512' as const, content: Buffer.from(digest, 'base64').toString('hex') }] }),
  }
}

/** As Node.js finds them: within the package, and then in each folder above. */
function dependenciesOf(path: string, one: LockedPackage, references: ReadonlyMap<string, string>): readonly string[] {
  const names = [one.dependencies, one.optionalDependencies, one.peerDependencies].flatMap((some) =>
    Object.keys(some ?? {}),
  )
  const found = [...new Set(names)].flatMap((name) => {
    const places = foldersFrom(path).map((folder) => references.get(`${folder}node_modules/${name}`))
    return places.find((reference) => reference !== undefined) ?? []
  })
  return found.toSorted()
}

/** `a/node_modules/b` → `a/node_modules/b/`, `a/`, and the root. */
function foldersFrom(path: string): readonly string[] {
  if (path === '') return ['']
  const end = path.lastIndexOf('/node_modules/')
  return [`${path}/`, ...foldersFrom(end < 0 ? '' : path.slice(0, end))]
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}
