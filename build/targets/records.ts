import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fingerprint } from './fingerprint.js'
import { filesOf, hashOfFile } from './files.js'
import type { Target } from './config.js'

/** What was true when a target was made. */
export interface BuildRecord extends Fingerprint {
  readonly outputs: { readonly [path: string]: Output }
}

interface Output {
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly hash: string
}

export type BuildRecords = { readonly [target: string]: BuildRecord }

export const cacheFolder = 'build/.cache'
const file = `${cacheFolder}/records.json`

/** Nothing, if there is no record or it cannot be read: then all is made anew. */
export function readRecords(root: string): BuildRecords {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')) as BuildRecords
  } catch {
    return {}
  }
}

export function writeRecords(root: string, records: BuildRecords): void {
  mkdirSync(join(root, cacheFolder), { recursive: true })
  const unfinished = join(root, `${file}.${process.pid}`)
  writeFileSync(unfinished, JSON.stringify(records))
  renameSync(unfinished, join(root, file))
}

export function recordOf(root: string, target: Target, fingerprint: Fingerprint): BuildRecord {
  const outputs = filesOf(root, target.outputs).map((path) => {
    const { size, mtimeMs } = statSync(join(root, path))
    return [path, { sizeBytes: size, modifiedMs: mtimeMs, hash: hashOfFile(root, path) }] as const
  })
  return { ...fingerprint, outputs: Object.fromEntries(outputs) }
}

/** Why what was made is not there as it was made. The content is read only where size or time are others. */
export function changeOfOutputs(root: string, { outputs }: BuildRecord): string | undefined {
  for (const [path, { sizeBytes, modifiedMs, hash }] of Object.entries(outputs)) {
    const found = statSync(join(root, path), { throwIfNoEntry: false })
    if (found === undefined) return `${path} is missing`
    if (found.size === sizeBytes && found.mtimeMs === modifiedMs) continue
    if (found.size !== sizeBytes || hashOfFile(root, path) !== hash) return `${path} is not as it was made`
  }
  return undefined
}
