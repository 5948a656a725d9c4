import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { differences, fingerprintsOf, type Fingerprint } from './fingerprint.js'
import { keepOutputs, restoreOutputs } from './cache.js'
import { type BuildRecord, changeOfOutputs, readRecords, recordOf, writeRecords } from './records.js'
import { compile, forgetUnlessWhole, removeLeftovers } from './compile.js'
import { type BuildConfig, type Target, readBuildConfig } from './config.js'
import { filesOf } from './files.js'
import { runNode } from './run-node.js'

export interface MakeOptions {
  /** Names of targets; what they depend on is made as well. Default: all. */
  readonly only?: readonly string[]
  /** Makes everything anew, and takes nothing from the cache. */
  readonly force?: boolean
  /** Told of each target why it is due, or that it is not. */
  readonly explain?: (target: string, why: string) => void
}

export interface Made {
  readonly upToDate: number
  readonly fromCache: number
  readonly made: number
  /** Names of targets that could not be made; their output says why. */
  readonly failed: readonly string[]
}

interface Due {
  readonly target: Target
  readonly fingerprint: Fingerprint
  /** Its outputs are not as they were made. */
  readonly isAltered: boolean
}

/** Makes what is due: taken from the cache where the same inputs were built before, else compiled and run, in parallel. */
export async function make(root: string, { only, force = false, explain }: MakeOptions = {}): Promise<Made> {
  const config = readBuildConfig(root)
  const wanted = only === undefined ? config : { ...config, targets: withDependencies(config, only) }
  const records: { [target: string]: BuildRecord } = { ...readRecords(root) }
  const due: Due[] = []
  let [upToDate, fromCache] = [0, 0]
  for (const [target, fingerprint] of fingerprintsOf(root, wanted)) {
    const record = records[target.name]
    const altered = record === undefined ? undefined : changeOfOutputs(root, record)
    const why = force ? ['it was asked for'] : reasonsFor(record, fingerprint, altered)
    explain?.(target.name, why.length === 0 ? 'is up to date' : `is due: ${listed(why)}`)
    if (why.length === 0) {
      upToDate += 1
    } else if (!force && restoreOutputs(root, target, fingerprint.key)) {
      explain?.(target.name, 'was made from the same before: taken from the cache')
      records[target.name] = recordOf(root, target, fingerprint)
      fromCache += 1
    } else {
      delete records[target.name]
      due.push({ target, fingerprint, isAltered: force || altered !== undefined })
    }
  }
  // Nothing is on record that is being made.
  if (due.length + fromCache > 0) writeRecords(root, records)
  const failed = await makeAll(root, due)
  const made = due.filter(({ target }) => !failed.includes(target.name))
  for (const { target, fingerprint } of made) {
    if (target.how === 'typescript') removeLeftovers(root, target)
    records[target.name] = recordOf(root, target, fingerprint)
  }
  if (made.length > 0) writeRecords(root, records)
  await Promise.all(made.map(({ target, fingerprint }) => keepOutputs(root, target, fingerprint.key)))
  return { upToDate, fromCache, made: made.length, failed }
}

function withDependencies({ targets }: BuildConfig, names: readonly string[]): readonly Target[] {
  const wanted = new Set(names)
  const unknown = names.find((name) => !targets.some((target) => target.name === name))
  if (unknown !== undefined) throw new Error(`There is no target ${unknown}: build/config/build-config.yml has them`)
  // Each stands behind what it depends on.
  for (const { name, dependencies } of targets.toReversed()) {
    if (wanted.has(name)) for (const dependency of dependencies) wanted.add(dependency)
  }
  return targets.filter(({ name }) => wanted.has(name))
}

function reasonsFor(
  record: BuildRecord | undefined,
  fingerprint: Fingerprint,
  altered: string | undefined,
): readonly string[] {
  if (record === undefined) return ['it was not made here before']
  const changed = differences(record, fingerprint)
  return changed.length > 0 || altered === undefined ? changed : [altered]
}

function listed(reasons: readonly string[]): string {
  const shown = reasons.slice(0, 4).join(', ')
  return reasons.length > 4 ? `${shown} and ${reasons.length - 4} more` : shown
}

/** @returns the names of those that failed */
async function makeAll(root: string, due: readonly Due[]): Promise<readonly string[]> {
  const compiled = due.filter(({ target }) => target.how === 'typescript')
  for (const { target, isAltered } of compiled) forgetUnlessWhole(root, target, isAltered)
  const compiling =
    compiled.length === 0
      ? Promise.resolve(true)
      : compile(
          root,
          compiled.map(({ target }) => target),
        )
  const running = new Map<string, Promise<boolean>>(compiled.map(({ target }) => [target.name, compiling]))
  for (const { target } of due) {
    const { name, how, dependencies } = target
    if (how === 'typescript') continue
    for (const path of filesOf(root, target.outputs)) rmSync(join(root, path))
    const before = dependencies.flatMap((one) => running.get(one) ?? [])
    running.set(
      name,
      Promise.all(before).then((ready) => !ready.includes(false) && runNode(root, how)),
    )
  }
  const succeeded = await Promise.all([...running].map(async ([name, outcome]) => [name, await outcome] as const))
  return succeeded.flatMap(([name, success]) => (success ? [] : [name]))
}
