import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, chmod, chown, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
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
export async function makeCluster(source?: 'any' | 'debian'): Promise<Cluster> {
  const account = unprivilegedAccount()
  const folder = await makeFolder(account)
  try {
    const { initdb, postgres } = await findPostgres(folder, account, source)
    // With what a test run looks for in all that its processes write (build/canary.mjs).
    const password = `${process.env['HOLDFAST_TEST_SECRET'] ?? ''}${randomBytes(16).toString('hex')}`
    await initialise(initdb, folder, password, account)
    return { folder, password, executable: postgres, account }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** A standby of a running primary, from a base backup of its folder. `copy` runs while the primary keeps what the copy needs
 *  and answers the backup label.
 *  https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP */
export async function makeStandby(
  primary: Cluster,
  primaryPort: number,
  backup: (copy: () => Promise<void>) => Promise<string>,
): Promise<Cluster> {
  const folder = await makeFolder(primary.account)
  try {
    const data = join(folder, 'data')
    const label = await backup(() =>
      cp(join(primary.folder, 'data'), data, {
        recursive: true,
        filter: (source) => !/\/(?:postmaster\.(?:pid|opts)|pg_replslot\/.*|pg_stat_tmp\/.*)$/.test(source),
      }),
    )
    await writeFile(join(data, 'backup_label'), label)
    await writeFile(join(data, 'standby.signal'), '')
    const conninfo = `host=127.0.0.1 port=${primaryPort} user=postgres password=${primary.password} sslmode=disable`
    await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
    await chmod(data, 0o700)
    if (primary.account !== undefined) await own(folder, primary.account)
    return { ...primary, folder }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function makeFolder(account: Account | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pg-'))
  if (account !== undefined) await chown(folder, account.uid, account.gid)
  return folder
}

async function own(folder: string, account: Account): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) {
    await chown(join(folder, entry), account.uid, account.gid)
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
