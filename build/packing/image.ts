import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { npmPack } from './npm-pack.js'
import { neededBy, workspacesOf } from './workspaces.js'

/** The program as it lies in the image, without what was installed: of each package what npm would publish, where it lies in the repository. */
export async function layOutImage(root: string, folder: string): Promise<void> {
  const workspaces = neededBy('holdfast', workspacesOf(root))
  const packed = await npmPack(root, workspaces)
  for (const { name, folder: at } of workspaces) {
    for (const { path } of packed.find((one) => one.name === name)?.files ?? []) copy(root, folder, `${at}/${path}`)
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(relative(dirname(link), join(folder, at)), link)
  }
  for (const path of ['LICENSE', 'package.json', 'build/orchestration/backup.sh']) copy(root, folder, path)
}

/** Adds links to what is installed here and belongs to the program, by the lock file: for a look at the image without making it. */
export function linkModules(root: string, folder: string): void {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dev?: boolean; readonly link?: boolean; readonly optional?: boolean }>>
  }
  for (const [path, { dev = false, link = false }] of Object.entries(packages)) {
    // What lies within another package comes with that.
    const isAtTop = /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path)
    if (!isAtTop || dev || link) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    symlinkSync(join(root, path), join(folder, path))
  }
}

function copy(root: string, folder: string, path: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  cpSync(join(root, path), join(folder, path))
}
