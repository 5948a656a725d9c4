import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ConversationStoreOptions } from '@holdfast/session'
import { type Config, type LoadedConfig, loadConfig } from '@holdfast/server'
import type { ListenFlags, ServerFlags, StoreFlags } from './commands/store-options.js'

export interface Settings {
  readonly loaded: LoadedConfig
  readonly config: Config
  /** For openDocumentStore. */
  readonly storeUrl: string
  /** The folder of an embedded store, as an absolute path. */
  readonly folder: string | undefined
  readonly environment: Readonly<NodeJS.ProcessEnv>
}

/** What is in force for a command: its flags, the environment, the file, the defaults. @throws INVALID_ARGUMENT */
export function settingsOf(
  flags: StoreFlags & ListenFlags & ServerFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Settings {
  const given = load(flags, environment)
  // A folder that is named on the command line goes before a database that the environment or a file names.
  const isOverruled = flags.data !== undefined && given.config.databaseUrl !== undefined
  const loaded = isOverruled ? load({ ...flags, database: `embedded:${flags.data}` }, environment) : given
  const { config } = loaded
  const url = config.databaseUrl ?? `embedded:${config.dataFolder}`
  if (!url.startsWith('embedded:')) return { loaded, config, storeUrl: url, folder: undefined, environment }
  const folder = resolve(url.slice('embedded:'.length))
  return { loaded, config, storeUrl: `embedded:${folder}`, folder, environment }
}

/** For openConversationStore. @throws INVALID_ARGUMENT */
export function cacheOf({ redisUrl, redisClusterUrls }: Config): Pick<ConversationStoreOptions, 'cache'> {
  if (redisUrl !== undefined && redisClusterUrls !== undefined) {
    throw invalidField('redisUrl', 'cannot be set together with redisClusterUrls: name one server or a cluster')
  }
  if (redisUrl !== undefined) return { cache: { redis: redisUrl } }
  return redisClusterUrls === undefined ? {} : { cache: { redisCluster: redisClusterUrls } }
}

function load(flags: StoreFlags & ListenFlags & ServerFlags, environment: Readonly<NodeJS.ProcessEnv>): LoadedConfig {
  return loadConfig({
    environment,
    file: flags.config,
    flags: {
      dataFolder: flags.data,
      databaseUrl: flags.database,
      redisUrl: flags.redis,
      redisClusterUrls: flags.redisCluster,
      listen: flags.listen,
      'auth.accept': flags.auth,
      'client.token': flags.tokenFile === undefined ? flags.token : readToken(flags.tokenFile),
      'client.tls': flags.tls,
      'client.tlsCa': flags.tlsCa,
      'client.tlsCertificate': flags.clientCertificate,
      'client.tlsKey': flags.clientKey,
      'client.tlsServerName': flags.tlsServerName,
      'services.serve': flags.services,
      'metrics.listen': flags.metrics === 'off' ? undefined : flags.metrics,
      'metrics.enabled': flags.metrics === undefined ? undefined : flags.metrics !== 'off',
    },
    knownVariables: Object.keys(environment).filter((name) => /^HOLDFAST_(?:TEST|MIGRATE|BACKUP)_/.test(name)),
  })
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    const problem = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new HoldfastError('FAILED_PRECONDITION', `--token-file cannot be read from ${path} (${problem})`, { cause })
  }
}
