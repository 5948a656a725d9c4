import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres } from './postgres-binaries.js'
import { type Account, unprivilegedAccount } from './unprivileged-account.js'

const run = promisify(execFile)

/** A folder with a database cluster in `data/`, and what is needed to run a server on it. */
export interface Cluster {
  readonly folder: string
  readonly password: string
  /** The `postgres` executable. */
  readonly executable: string
  readonly account: Account | undefined
}

/** Makes one in a new temporary folder, of which the server's account is the owner. */
export async function makeCluster(): Promise<Cluster> {
  const account = unprivilegedAccount()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pg-'))
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const { initdb, postgres } = await findPostgres(folder, account)
    const password = randomBytes(16).toString('hex')
    await initialise(initdb, folder, password, account)
    return { folder, password, executable: postgres, account }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** What a server inherits: all but the settings of PostgreSQL clients. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))), TZ: 'UTC' }
}

async function initialise(
  initdb: string,
  folder: string,
  password: string,
  account: Account | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, `${password}\n`)
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid)
  await chmod(passwordFile, 0o600)
  const data = join(folder, 'data')
  const arguments_ = ['-D', data, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  arguments_.push('--encoding=UTF8', '--locale=C', '--no-sync')
  // A language's order as the default, as most servers have it, so that a sort that forgets COLLATE "C" is found out.
  const language = ['--locale-provider=icu', '--icu-locale=en-US']
  const options = { cwd: folder, env: serverEnvironment(), ...account }
  try {
    await run(initdb, [...arguments_, ...language], options)
  } catch {
    // A build without ICU.
    await rm(data, { recursive: true, force: true })
    await run(initdb, arguments_, options)
  }
  await rm(passwordFile)
}
