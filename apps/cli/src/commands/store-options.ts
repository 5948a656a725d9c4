import { invalidField } from '@holdfast/errors'
import { type Command, Option } from 'commander'

/** The flags of commands that open a store. */
export interface StoreFlags {
  readonly config?: string
  readonly data?: string
  readonly database?: string
  readonly redis?: string
  readonly redisCluster?: string
}

export interface ListenFlags {
  readonly listen?: string
  /** HOST:PORT, or `off`. */
  readonly metrics?: string
}

export function withStoreOptions(command: Command): Command {
  return command
    .addOption(new Option('--data <dir>', 'folder of the embedded database (default: .holdfast)').conflicts('database'))
    .addOption(new Option('--database <url>', 'a PostgreSQL server instead: postgres://user:password@host:port/name'))
    .addOption(
      new Option('--redis <url>', 'a Redis server as a cache, the same as all others on this database have').conflicts(
        'redisCluster',
      ),
    )
    .addOption(new Option('--redis-cluster <urls>', 'some nodes of a Redis Cluster instead, with commas between them'))
    .addOption(new Option('--config <file>', 'configuration in YAML or JSON'))
}

/** A whole number from the command line. @throws INVALID_ARGUMENT */
export function wholeNumber(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw invalidField(flag, `must be a whole number from ${least}, not ${text}`)
    }
    return value
  }
}
