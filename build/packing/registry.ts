import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Manifest, readManifest } from './workspaces.js'

const run = promisify(execFile)

/** A registry on loopback of what is installed in this repository: npm resolves and installs from it as from any, and reaches nobody else. */
export class LocalRegistry implements AsyncDisposable {
  readonly #server: Server
  readonly #installed: ReadonlyMap<string, ReadonlyMap<string, Installed>>

  private constructor(installed: ReadonlyMap<string, ReadonlyMap<string, Installed>>) {
    this.#installed = installed
    this.#server = createServer((request, response) => {
      this.#answer(decodeURIComponent(request.url ?? ''))
        .then((body) => response.writeHead(body === undefined ? 404 : 200).end(body))
        .catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
  }

  /** @param manifests whose dependencies it has, with all that those depend on */
  static async start(root: string, manifests: readonly Manifest[]): Promise<LocalRegistry> {
    const registry = new LocalRegistry(installedFor(root, manifests))
    registry.#server.listen(0, '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #answer(path: string): Promise<string | Buffer | undefined> {
    const [, tarball, version] = /^\/(.+)\/-\/(.+)\.tgz$/.exec(path) ?? []
    if (tarball !== undefined && version !== undefined) {
      const found = this.#installed.get(tarball)?.get(version)
      return found === undefined ? undefined : tarballOf(found.folder)
    }
    const name = path.slice(1)
    const versions = this.#installed.get(name)
    if (versions === undefined) return undefined
    const entries = [...versions].map(([one, { manifest }]) => [
      one,
      { ...manifest, dist: { tarball: `${this.url}${name}/-/${one}.tgz` } },
    ])
    return JSON.stringify({
      name,
      'dist-tags': { latest: [...versions.keys()].at(-1) },
      versions: Object.fromEntries(entries),
    })
  }
}

interface Installed {
  readonly folder: string
  readonly manifest: Manifest
}

function installedFor(
  root: string,
  manifests: readonly Manifest[],
): ReadonlyMap<string, ReadonlyMap<string, Installed>> {
  const found = new Map<string, Map<string, Installed>>()
  const visit = (
    folder: string,
    { dependencies, peerDependencies, peerDependenciesMeta, optionalDependencies }: Manifest,
  ): void => {
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => peerDependenciesMeta?.[name]?.optional !== true)
    for (const name of [...Object.keys(dependencies ?? {}), ...Object.keys(optionalDependencies ?? {}), ...peers]) {
      const at = locate(root, folder, name)
      if (at === undefined || name.startsWith('@holdfast/')) continue
      const manifest = readManifest(at)
      const versions = found.get(name) ?? new Map<string, Installed>()
      if (versions.has(manifest.version)) continue
      found.set(name, versions.set(manifest.version, { folder: at, manifest }))
      visit(at, manifest)
    }
  }
  for (const manifest of manifests) visit(root, manifest)
  return found
}

/** As Node.js looks for packages: here, and then in each folder above. */
function locate(root: string, folder: string, name: string): string | undefined {
  const here = join(folder, 'node_modules', name)
  if (existsSync(join(here, 'package.json'))) return here
  return folder === root ? undefined : locate(root, dirname(folder), name)
}

async function tarballOf(folder: string): Promise<Buffer> {
  // Not compressed, which npm takes as well: it goes no further than this machine.
  const args = ['-cf', '-', '--exclude=./node_modules', '--transform', 's,^\\.,package,', '.']
  const { stdout } = await run('tar', args, { cwd: folder, encoding: 'buffer', maxBuffer: 1024 * 1024 * 1024 })
  return stdout
}
