import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type FieldViolation, HoldfastError } from '@holdfast/errors'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { type Setting, configSchema, settings } from './config-schema.js'
import type { Config } from './config-type.js'
import { maskValue, secretsOfUrl } from './masking.js'
import { didYouMean } from './nearest-name.js'

export interface ConfigSources {
  /** By path: `{ 'model.apiKey': '…' }`; `undefined` counts as not given. */
  readonly flags?: Readonly<Record<string, string | boolean | number | undefined>>
  /** Default: `process.env`. Empty variables count as not set. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** YAML or JSON; default: what HOLDFAST_CONFIG names, else none. */
  readonly file?: string | undefined
  /** What relative paths are relative to; default: the working folder. */
  readonly folder?: string
  /** HOLDFAST_ variables that others read, so that they are not reported as unknown. */
  readonly knownVariables?: readonly string[]
}

/** Where a value comes from, and under which name it was found there. */
export interface Origin {
  readonly from: 'flag' | 'environment' | 'file' | 'default'
  /** `--listen`, `HOLDFAST_LISTEN`, the file's path; empty for defaults. */
  readonly name: string
}

export interface ConfigLine {
  readonly key: string
  /** Secrets masked; `undefined`: not set. */
  readonly value: unknown
  readonly origin: Origin
  readonly variable: string
  readonly flag: string
  readonly description: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly originOf: (path: string) => Origin
  /** All settings with what is in force, fit to be printed. */
  readonly lines: () => ConfigLine[]
  /** Texts that must never be printed. */
  readonly secrets: readonly string[]
  /** For the operator: variables that nobody reads. */
  readonly warnings: readonly string[]
}

interface Found {
  readonly value: unknown
  readonly origin: Origin
}

/** Flags go before the environment, the environment before the file, the file before the defaults.
 *  @throws INVALID_ARGUMENT that names each setting at fault and where it was set; FAILED_PRECONDITION for a file that
 *  cannot be read */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const environment = sources.environment ?? process.env
  const folder = sources.folder ?? process.cwd()
  const file = sources.file ?? (environment['HOLDFAST_CONFIG'] || undefined)
  const problems: FieldViolation[] = []
  const found = new Map<string, Found>()
  if (file !== undefined) readConfigFile(resolve(folder, file), file, found, problems)
  readEnvironment(environment, folder, found, problems)
  readFlags(sources.flags ?? {}, found, problems)
  const parsed = configSchema.safeParse(nested(found))
  const originOf = (path: string): Origin => found.get(path)?.origin ?? { from: 'default', name: '' }
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => violation(issue, found)))
  if (!parsed.success || problems.length > 0) throw invalidConfig(problems)
  const config = parsed.data
  return {
    config,
    originOf,
    lines: () => settings.map((setting) => line(setting, valueAt(config, setting.path), originOf(setting.path))),
    secrets: settings.flatMap((setting) => secretsOf(setting, valueAt(config, setting.path))),
    warnings: unknownVariables(environment, sources.knownVariables ?? []),
  }
}

function readFlags(
  flags: NonNullable<ConfigSources['flags']>,
  found: Map<string, Found>,
  problems: FieldViolation[],
): void {
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const setting = settings.find((candidate) => candidate.path === path)
    if (setting) found.set(path, { value, origin: { from: 'flag', name: setting.flag } })
    else
      problems.push(
        unknown(
          path,
          settings.map((known) => known.path),
        ),
      )
  }
}

function readEnvironment(
  environment: NonNullable<ConfigSources['environment']>,
  folder: string,
  found: Map<string, Found>,
  problems: FieldViolation[],
): void {
  for (const { path, variable, secret } of settings) {
    const value = environment[variable] || undefined
    const file = secret === undefined ? undefined : environment[`${variable}_FILE`] || undefined
    if (value !== undefined && file !== undefined) {
      problems.push({ field: variable, description: `is set, and ${variable}_FILE too: keep one of them` })
    } else if (value !== undefined) {
      found.set(path, { value, origin: { from: 'environment', name: variable } })
    } else if (file !== undefined) {
      const origin: Origin = { from: 'environment', name: `${variable}_FILE` }
      found.set(path, { value: readText(resolve(folder, file), origin.name).trimEnd(), origin })
    }
  }
}

function readConfigFile(path: string, name: string, found: Map<string, Found>, problems: FieldViolation[]): void {
  const document = parseDocument(readText(path, 'The configuration file'), { prettyErrors: true })
  const [error] = document.errors
  // Not the whole message: it quotes the file, which may hold secrets.
  if (error) throw fileProblem(name, `is neither YAML nor JSON: ${error.message.split('\n')[0]}`)
  const content: unknown = document.toJS({ maxAliasCount: 100 })
  if (content === null || content === undefined) return
  if (!isObject(content)) throw fileProblem(name, 'must hold keys and values')
  for (const [key, value] of leaves(content, [])) {
    const isKnown = settings.some((setting) => setting.path === key)
    const isGroup = settings.some((setting) => setting.path.startsWith(`${key}.`))
    if (isKnown || isGroup) found.set(key, { value, origin: { from: 'file', name } })
    else
      problems.push(
        unknown(
          `${name}: ${key}`,
          settings.map((setting) => setting.path),
          key,
        ),
      )
  }
}

/** Paths of settings with their values; what is no group of settings is left whole. `null` counts as not given. */
function leaves(content: Record<string, unknown>, above: readonly string[]): [string, unknown][] {
  return Object.entries(content).flatMap(([key, value]): [string, unknown][] => {
    const path = [...above, key].join('.')
    if (value === null) return []
    const isGroup = settings.some((setting) => setting.path.startsWith(`${path}.`))
    return isObject(value) && isGroup ? leaves(value, [...above, key]) : [[path, value]]
  })
}

function nested(found: ReadonlyMap<string, Found>): unknown {
  const whole: Record<string, unknown> = {}
  for (const [path, { value }] of found) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    let group = whole
    for (const key of keys) {
      const inner = isObject(group[key]) ? group[key] : {}
      group[key] = inner
      group = inner
    }
    group[last] = value
  }
  return whole
}

function valueAt(config: Config, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), config)
}

function line(setting: Setting, value: unknown, origin: Origin): ConfigLine {
  const { path, variable, flag, description, secret } = setting
  return { key: path, value: maskValue(value, secret), origin, variable, flag, description }
}

function secretsOf(setting: Setting, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => secretsOf(setting, one))
  const { secret } = setting
  if (secret === undefined || typeof value !== 'string') return []
  return secret === 'value' ? [value] : secretsOfUrl(value)
}

function unknownVariables(environment: NonNullable<ConfigSources['environment']>, others: readonly string[]): string[] {
  const ours = settings.flatMap(({ variable, secret }) => (secret ? [variable, `${variable}_FILE`] : [variable]))
  const known = new Set(['HOLDFAST_CONFIG', ...ours, ...others])
  const names = Object.keys(environment).filter((name) => name.startsWith('HOLDFAST_') && !known.has(name))
  return names.map((name) => `${name} is set, but nothing reads it${didYouMean(name, known)}`)
}

function violation(issue: z.core.$ZodIssue, found: ReadonlyMap<string, Found>): FieldViolation {
  const path = settingAt(issue.path.join('.'))
  const source = found.get(path)
  const setting = settings.find((candidate) => candidate.path === path)
  const field = !source || source.origin.from === 'default' ? path : nameIn(source.origin, path)
  const shown = source && setting?.secret === undefined ? `, not ${JSON.stringify(source.value)}` : ''
  return { field, description: `${expectation(issue)}${shown}` }
}

/** The setting that a path leads to or into: `models.image.price` for `models.image.price.per.images`. */
function settingAt(path: string): string {
  return settings.find((setting) => path.startsWith(`${setting.path}.`))?.path ?? path
}

function nameIn(origin: Origin, path: string): string {
  return origin.from === 'file' ? `${origin.name}: ${path}` : origin.name
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`
  if (issue.code === 'too_small')
    return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  if (issue.code === 'invalid_type' && !issue.message.startsWith('must'))
    return `must be ${issue.expected === 'object' ? 'keys and values' : `a ${issue.expected}`}`
  return issue.message
}

function unknown(field: string, names: readonly string[], written = field): FieldViolation {
  return { field, description: `is not a setting${didYouMean(written, names)}` }
}

function invalidConfig(problems: readonly FieldViolation[]): HoldfastError {
  const text = problems.map(({ field, description }) => `${field} ${description}`).join('; ')
  return new HoldfastError('INVALID_ARGUMENT', `The configuration is wrong: ${text}`, {
    reason: 'INVALID_CONFIGURATION',
    fields: problems,
  })
}

function fileProblem(name: string, description: string): HoldfastError {
  return invalidConfig([{ field: name, description }])
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const problem = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `${what} cannot be read from ${path} (${problem}): check the path and its permissions`,
      {
        cause,
        reason: 'CONFIGURATION_UNREADABLE',
      },
    )
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
