import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const groups = ['libs', 'libs/adapters', 'services', 'apps']

/** For tests: the version before, as a program. */
export interface OlderVersion {
  readonly name: string
  /** Of its `holdfast`. */
  readonly binary: string
}

/** The newest tag; without one, what was the newest ten commits ago. A sentence says why there is none. */
export async function olderVersion(): Promise<{ readonly commit: string; readonly name: string } | string> {
  // It comes with the console's tools. Building with types takes a minute where this takes a second.
  if (!existsSync(join(root, 'node_modules/esbuild'))) return 'esbuild is not installed'
  if (!existsSync(join(root, '.git'))) return 'this is no clone, so there is no older version'
  const git = async (...args: string[]): Promise<string | undefined> =>
    run('git', ['-C', root, ...args]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    )
  const tag = await git('describe', '--tags', '--abbrev=0', 'HEAD^')
  const name = tag ?? 'HEAD~10'
  const commit = await git('rev-parse', '--verify', `${name}^{commit}`)
  return commit === undefined ? 'the clone does not reach back to an older version' : { commit, name }
}

/** Its sources without their types, which is all that a build does to them, and the modules that are installed here. */
export async function buildOlderVersion(
  { commit, name }: { readonly commit: string; readonly name: string },
  folder: string,
): Promise<OlderVersion> {
  await mkdir(folder)
  await run('sh', [
    '-c',
    'git -C "$1" archive "$2" apps libs services proto package.json | tar -x -C "$3"',
    '-',
    root,
    commit,
    folder,
  ])
  const { build } = (await import('esbuild')) as typeof import('esbuild')
  await mkdir(join(folder, 'node_modules', '@holdfast'), { recursive: true })
  for (const entry of await readdir(join(root, 'node_modules'))) {
    if (entry === '@holdfast' || entry.startsWith('.')) continue
    await symlink(join(root, 'node_modules', entry), join(folder, 'node_modules', entry))
  }
  for (const group of groups) {
    for (const workspace of await readdir(join(folder, group)).catch(() => [])) {
      const home = join(folder, group, workspace)
      if (!existsSync(join(home, 'package.json')) || !existsSync(join(home, 'src'))) continue
      await symlink(home, join(folder, 'node_modules', '@holdfast', workspace))
      const installed = join(root, group, workspace, 'node_modules')
      if (existsSync(installed)) await symlink(installed, join(home, 'node_modules'))
      const sources = await readdir(join(home, 'src'), { recursive: true })
      await build({
        entryPoints: sources.filter((file) => /(?<!\.test)\.ts$/.test(file)).map((file) => join(home, 'src', file)),
        outdir: join(home, 'dist'),
        outbase: join(home, 'src'),
        format: 'esm',
        platform: 'node',
        target: 'node20',
        logLevel: 'error',
      })
      await rm(join(home, 'src'), { recursive: true })
    }
  }
  return { name, binary: join(folder, 'apps/cli/bin/holdfast.js') }
}
