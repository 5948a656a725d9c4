import { asHoldfastError, invalidField } from '@holdfast/errors'
import type { Backend } from './backend.js'
import { blobContentsOf, type BlobsOption } from './blobs/blob-options.js'
import type { DocumentStore } from './document-store.js'
import { checkMs } from './expiry/lifetime.js'
import { defaultSweepIntervalMs } from './expiry/sweeper.js'
import { createMemoryBackend } from './memory/memory-backend.js'
import { encryptionFromEnvironment, type EncryptionOptions, MasterKeys } from './encryption/master-keys.js'
import { checkOptions } from './options.js'
import { lookAtWall, takesServer } from './row-security/row-security.js'
import { openSqlBackend } from './sql/sql-backend.js'
import { Store } from './store.js'
import type { ObserveOptions, SlowCall } from './telemetry/observed-driver.js'

export interface OpenOptions {
  /** Connections to a PostgreSQL server at most; default 10. */
  readonly maxConnections?: number
  /** Time limit for connecting, in milliseconds; default 5,000. */
  readonly connectTimeoutMs?: number
  /** Time limit for one statement, in milliseconds; default 30,000. */
  readonly statementTimeoutMs?: number
  /** Streaming replicas of the server: reads that say `maxStalenessMs` may go there. */
  readonly replicaUrls?: readonly string[]
  /** The master keys of what is encrypted at rest; default: those of HOLDFAST_ENCRYPTION_KEYS, if it is set. */
  readonly encryption?: EncryptionOptions
  /** A statement that takes longer is told to `onSlowCall`, in milliseconds; default 1,000. */
  readonly slowCallMs?: number
  /** Gets the statement's text and cost, never its values. */
  readonly onSlowCall?: (call: SlowCall) => void
  /** Between two sweeps in the background (`store.sweep()`), give or take half, in milliseconds; default 60,000; 0: none. */
  readonly sweepIntervalMs?: number
  /** On a PostgreSQL server: policies of row-level security hold every statement to the tenants that it is for, as a second wall behind the statements'
   *  own conditions. Puts them in place, after which all programs on the database are held to them; one that opens it without this option finds out.
   *  Takes a role that owns the schema and is no superuser. Default: as it stands. */
  readonly rowSecurity?: boolean
  /** Where the bytes of new blobs go; default `database`. */
  readonly blobs?: BlobsOption
}

/** A misspelt `encryption` would keep in clear what was to be encrypted. */
const known: readonly (keyof OpenOptions)[] = [
  'maxConnections',
  'connectTimeoutMs',
  'statementTimeoutMs',
  'replicaUrls',
  'encryption',
  'slowCallMs',
  'onSlowCall',
  'sweepIntervalMs',
  'blobs',
  'rowSecurity',
]

/** The folder of the embedded database when nothing else is said. */
export const defaultFolder = './.holdfast'

/** Opens a store and brings its schema up to date.
 *  @param url `postgres://…` for a server; `embedded:FOLDER` for a database in this process (default `embedded:./.holdfast`);
 *  `memory:` for one that is gone with the process.
 *  @throws INVALID_ARGUMENT for another kind of url, FAILED_PRECONDITION if the folder is in use (names its owner), UNAVAILABLE or
 *  UNAUTHENTICATED if the server cannot be reached or refuses. */
export async function openDocumentStore(
  url = `embedded:${defaultFolder}`,
  options: OpenOptions = {},
): Promise<DocumentStore> {
  checkOptions(options, known)
  const openContents = blobContentsOf(options.blobs)
  const { sweepIntervalMs = defaultSweepIntervalMs } = options
  checkMs(sweepIntervalMs, 'sweepIntervalMs', 0)
  const encryption = options.encryption ?? (await encryptionFromEnvironment())
  const masters = encryption === undefined ? undefined : new MasterKeys(encryption)
  const backend = await openBackend(url, options)
  try {
    await backend.migrate()
    return new Store(backend, await openContents(), masters, sweepIntervalMs)
  } catch (error) {
    await backend.close()
    throw error
  }
}

async function openBackend(url: string, options: OpenOptions): Promise<Backend> {
  if (typeof url !== 'string') throw invalidField('url', 'must be a string')
  if (options.rowSecurity === true && !/^postgres(ql)?:/.test(url)) throw takesServer()
  if (url === 'memory:') return createMemoryBackend()
  if (url.startsWith('embedded:')) {
    const folder = url.slice('embedded:'.length)
    if (folder === '') throw invalidField('url', 'must name a folder after embedded:')
    const { openEmbeddedDriver } = await import('./embedded/driver.js')
    return openSqlBackend(await openEmbeddedDriver(folder), options)
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgresDriver } = await import('./postgres/driver.js')
    const { replicaUrls = [] } = options
    if (!Array.isArray(replicaUrls)) throw invalidField('replicaUrls', 'must be an array')
    const driver = await openPostgresDriver(url, options)
    try {
      await lookAtWall(driver, options.rowSecurity === true)
    } catch (error) {
      await driver.close()
      throw error
    }
    if (replicaUrls.length === 0) return openSqlBackend(driver, { ...options, server: serverOf(url) })
    const { ReplicaSet } = await import('./replicas/replica-set.js')
    const open = replicaUrls.map((replica) => () => openPostgresDriver(replica, options))
    return openSqlBackend(driver, {
      ...options,
      server: serverOf(url),
      replicas: (primary) => new ReplicaSet(primary, open),
    })
  }
  throw invalidField('url', 'must start with postgres://, embedded: or be memory:')
}

/** Without user and password. */
function serverOf(url: string): NonNullable<ObserveOptions['server']> {
  const { hostname, port, pathname } = new URL(url)
  return {
    address: hostname,
    port: port === '' ? 5432 : Number(port),
    database: decodeURIComponent(pathname.slice(1)),
  }
}

let processWide: Promise<DocumentStore> | undefined

/** The store that the whole process shares, opened at the first call from HOLDFAST_DATABASE_URL (default: embedded in `./.holdfast`)
 *  and HOLDFAST_BLOBS_URL (default: `database`).
 *  After it was closed, or could not be opened, the next call opens it anew. */
export function getDocumentStore(): Promise<DocumentStore> {
  processWide ??= openDocumentStore(process.env['HOLDFAST_DATABASE_URL'], {
    blobs: process.env['HOLDFAST_BLOBS_URL'] ?? 'database',
  }).then(
    (store) => forgetWhenClosed(store),
    (error: unknown) => {
      processWide = undefined
      throw asHoldfastError(error, 'The opening of the store')
    },
  )
  return processWide
}

function forgetWhenClosed(store: DocumentStore): DocumentStore {
  const close = store.close.bind(store)
  store.close = () => {
    processWide = undefined
    return close()
  }
  return store
}
