import { invalidField } from '@holdfast/errors'
import { type Command, Option } from 'commander'
import type { ServiceFlags } from '../access/with-services.js'
import { withServerOptions, withStoreOptions } from '../commands/store-options.js'

export interface JobFlags extends ServiceFlags {
  readonly key?: string
  readonly label?: readonly string[]
  /** False: `--no-cache`. */
  readonly cache: boolean
  readonly json?: true
}

export function withServerOption(command: Command): Command {
  return withServerOptions(withStoreOptions(command), 'a running server, instead of doing it here')
}

/** The options of commands that make a job. */
export function withJobOptions(command: Command): Command {
  return withServerOption(command)
    .option('--key <key>', 'idempotency key: the same key finds the same job')
    .addOption(new Option('--label <label...>', 'to list jobs by').argParser(collect))
    .option('--no-cache', 'do the work even if its result is there already')
    .option('--json', 'one JSON object')
}

export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** For a request. */
export function jobOptions({ key, label, cache }: JobFlags): { key: string; labels: string[]; noCache: boolean } {
  return { key: key ?? '', labels: [...(label ?? [])], noCache: !cache }
}

/** A number from the command line. @throws INVALID_ARGUMENT */
export function number(flag: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= least && value <= most) return value
    throw invalidField(flag, `must be a number from ${least} to ${most}, not ${text}`)
  }
}
