import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { readBuildConfig } from './config.js'
import { filesOf, hashOfFile } from './files.js'
import { runNode } from './run-node.js'

const run = promisify(execFile)

/** Builds what is in the repository now in two new folders, and compares every output. What the compiler keeps for itself counts too.
 *  @returns what differs */
export async function verify(root: string, print: (line: string) => void): Promise<string | undefined> {
  const above = mkdtempSync(join(tmpdir(), 'holdfast-build-'))
  try {
    const builds: ReadonlyMap<string, string>[] = []
    // Names of different lengths: a path that got into an output shows.
    for (const name of ['a', 'another-folder']) {
      const folder = join(above, name)
      await copySources(root, folder)
      if (!(await runNode(folder, ['build/run.mjs']))) return `The build in ${folder} failed`
      const outputs = readBuildConfig(folder).targets.flatMap((target) => filesOf(folder, target.outputs))
      builds.push(new Map(outputs.map((path) => [path, hashOfFile(folder, path)])))
    }
    const [one = new Map(), other = new Map()] = builds
    const differing = [...new Set([...one.keys(), ...other.keys()])].filter((path) => one.get(path) !== other.get(path))
    if (differing.length === 0) print(`two builds in two folders made the same ${one.size} files`)
    return differing.length === 0 ? undefined : `${differing.length} files differ: ${differing.slice(0, 10).join(', ')}`
  } finally {
    rmSync(above, { recursive: true, force: true })
  }
}

async function copySources(root: string, folder: string): Promise<void> {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const { stdout } = await run('git', list, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  for (const path of stdout.split('\0').filter((one) => one !== '')) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(join(root, path), join(folder, path), { verbatimSymlinks: true })
  }
  linkModules(join(root, 'node_modules'), join(folder, 'node_modules'))
}

/** What was installed is taken from where it is; the workspaces are the folder's own. */
function linkModules(installed: string, here: string): void {
  mkdirSync(here, { recursive: true })
  for (const entry of readdirSync(installed, { withFileTypes: true })) {
    const [from, to] = [join(installed, entry.name), join(here, entry.name)]
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else if (entry.name === '@holdfast') linkModules(from, to)
    else symlinkSync(from, to)
  }
}
