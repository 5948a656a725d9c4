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
  /** `none`, `keys`, `jwt` or `keys,jwt`. */
  readonly auth?: string
  /** HOST:PORT, or `off`. */
  readonly metrics?: string
  /** What to serve, with commas; default: everything. */
  readonly services?: string
}

/** How a command reaches a running server, and what it presents there. */
export interface ServerFlags {
  /** HOST:PORT. */
  readonly server?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly tls?: true
  readonly tlsCa?: string
  readonly clientCertificate?: string
  readonly clientKey?: string
  readonly tlsServerName?: string
}

/** `--server`, and what a server with authentication and TLS asks for. The environment and a file say the same for all commands.
 *  @param description what the server is to the command */
export function withServerOptions(command: Command, description: string): Command {
  return command
    .option('--server <host:port>', description)
    .addOption(
      new Option(
        '--token <token>',
        'an API key or a token for it; HOLDFAST_TOKEN keeps it out of the list of processes',
      ).conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'a file that holds it')
    .option('--tls', 'call it over TLS')
    .option('--tls-ca <file>', 'roots to trust, in PEM (default: the system’s)')
    .option('--client-certificate <file>', 'the own certificate, in PEM, for servers that ask for one')
    .option('--client-key <file>', 'its private key, in PEM')
    .option('--tls-server-name <name>', 'the name that its certificate has to have (default: the host)')
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
