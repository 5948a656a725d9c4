import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import { filesOf } from './files.js'
import { cacheFolder } from './records.js'
import type { Target } from './config.js'

const compress = promisify(gzip)
const folder = `${cacheFolder}/outputs`
/** Of each target: enough for going to and fro between two or three branches. */
const kept = 5

/** Puts the outputs of a target where they belong, if they were made before from the same inputs.
 *  @returns `false`: they were not */
export function restoreOutputs(root: string, target: Target, key: string): boolean {
  const path = join(root, entryOf(target, key))
  if (!existsSync(path)) return false
  let files: readonly (readonly [path: string, content: string])[]
  try {
    files = JSON.parse(gunzipSync(readFileSync(path)).toString()) as typeof files
  } catch {
    // Cut short, as by a full disk.
    rmSync(path)
    return false
  }
  for (const output of filesOf(root, target.outputs)) rmSync(join(root, output))
  for (const [output, content] of files) {
    mkdirSync(dirname(join(root, output)), { recursive: true })
    writeFileSync(join(root, output), Buffer.from(content, 'base64'))
  }
  const now = new Date()
  utimesSync(path, now, now)
  return true
}

export async function keepOutputs(root: string, target: Target, key: string): Promise<void> {
  const path = join(root, entryOf(target, key))
  const files = filesOf(root, target.outputs).map((output) => [output, readFileSync(join(root, output), 'base64')])
  const packed = await compress(JSON.stringify(files), { level: 1 })
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.${process.pid}`, packed)
  renameSync(`${path}.${process.pid}`, path)
  const entries = readdirSync(dirname(path)).map((name) => join(dirname(path), name))
  const byAge = entries.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  for (const entry of byAge.slice(kept)) rmSync(entry, { force: true })
}

function entryOf(target: Target, key: string): string {
  return `${folder}/${target.name.replaceAll('/', '+')}/${key}`
}
