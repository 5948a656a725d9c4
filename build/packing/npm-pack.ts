import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Workspace } from './workspaces.js'

const run = promisify(execFile)

export interface Packed {
  readonly name: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** What npm would publish. @param folder where the tarballs go; none: they are only listed */
export async function npmPack(
  root: string,
  workspaces: readonly Workspace[],
  folder?: string,
): Promise<readonly Packed[]> {
  const where = folder === undefined ? ['--dry-run'] : ['--pack-destination', folder]
  const which = workspaces.map(({ name }) => `--workspace=${name}`)
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', ...where, ...which], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  })
  const packed = JSON.parse(stdout) as readonly Packed[] | Readonly<Record<string, Packed>>
  return Array.isArray(packed)
    ? (packed as readonly Packed[])
    : Object.values(packed as Readonly<Record<string, Packed>>)
}
