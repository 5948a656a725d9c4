import type { BuildConfig, Target } from './config.js'
import { filesOf, hashOf, hashOfFile } from './files.js'

/** All that a target is made from. */
export interface Fingerprint {
  /** Of all below: what has the same key is the same. */
  readonly key: string
  /** How it is made, as the configuration says it. */
  readonly settings: string
  /** Hashes of the inputs by their paths. */
  readonly inputs: { readonly [path: string]: string }
  /** Keys of the targets that it depends on, by their names. */
  readonly dependencies: { readonly [target: string]: string }
}

export function fingerprintsOf(root: string, { everywhere, targets }: BuildConfig): ReadonlyMap<Target, Fingerprint> {
  const hashes = new Map<string, string>()
  const hashesOf = (patterns: readonly string[]): { [path: string]: string } =>
    Object.fromEntries(
      filesOf(root, patterns).map((path) => {
        const hash = hashes.get(path) ?? hashOfFile(root, path)
        hashes.set(path, hash)
        return [path, hash]
      }),
    )
  const common = hashesOf(everywhere)
  const keys = new Map<string, string>()
  const found = new Map<Target, Fingerprint>()
  for (const target of targets) {
    const { how, outputs, dependencies } = target
    const made = {
      settings: JSON.stringify({ how, outputs }),
      inputs: { ...common, ...hashesOf(target.inputs) },
      dependencies: Object.fromEntries(dependencies.map((name) => [name, keys.get(name) ?? ''])),
    }
    const key = hashOf(JSON.stringify(made))
    keys.set(target.name, key)
    found.set(target, { key, ...made })
  }
  return found
}

/** What is different, in a few words each; empty: nothing. */
export function differences(before: Fingerprint, now: Fingerprint): readonly string[] {
  if (before.key === now.key) return []
  const paths = [...new Set([...Object.keys(before.inputs), ...Object.keys(now.inputs)])].toSorted()
  const changed = paths.flatMap((path) => {
    const [old, fresh] = [before.inputs[path], now.inputs[path]]
    if (old === fresh) return []
    return [`${path} ${old === undefined ? 'is new' : fresh === undefined ? 'is gone' : 'has changed'}`]
  })
  const dependencies = Object.entries(now.dependencies).flatMap(([name, key]) =>
    before.dependencies[name] === key ? [] : [`${name} is due`],
  )
  return [
    ...(before.settings === now.settings ? [] : ['build-config.yml says it otherwise']),
    ...changed,
    ...dependencies,
  ]
}
