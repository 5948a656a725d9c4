import { type FileHandle, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join, parse } from 'node:path'
import { HoldfastError } from '@holdfast/errors'
import type { BlobContent, BlobUpload } from './blob-content.js'
import { damaged, uploadGone } from './blob-errors.js'
import { blobChunkBytes, type PlacedBlob, type Upload } from './blob-operations.js'
import { tenantFolder } from './tenant-folder.js'

/** Opens a folder for the bytes of blobs and makes it if it is not there.
 *  @throws PERMISSION_DENIED if it cannot be written to */
export async function openFolderContent(folder: string): Promise<BlobContent> {
  await translated(folder, () => makeFolder(folder))
  return new FolderContent(folder)
}

/** `TENANT/uploads/ID` while bytes come, `TENANT/ab/ID` (by the first letters of the id) when they are durable. Files are named after
 *  uploads and not after hashes: the put and the collecting of the same bytes at the same time then never meet in one file. */
class FolderContent implements BlobContent {
  readonly name = 'folder'
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(tenant: string, upload: string): Promise<BlobUpload> {
    const under = this.#underWay(tenant, upload)
    const file = await translated(this.#folder, async () => {
      await makeFolder(dirname(under))
      return open(under, 'wx', 0o600)
    })
    return new FileUpload(upload, this.#folder, file, under, this.#sealed(tenant, upload))
  }

  async *read(tenant: string, blob: PlacedBlob, start: number, end: number): AsyncIterable<Uint8Array> {
    const path = this.#sealed(tenant, blob.upload)
    const file = await this.#openForReading(path, blob.hash)
    try {
      for (let at = start; at < end;) {
        const piece = Buffer.allocUnsafe(Math.min(blobChunkBytes, end - at))
        const { bytesRead } = await translated(this.#folder, () => file.read(piece, 0, piece.length, at))
        if (bytesRead === 0) return
        at += bytesRead
        yield piece.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async remove({ tenant, upload }: Upload): Promise<void> {
    await translated(this.#folder, async () => {
      for (const path of [this.#underWay(tenant, upload), this.#sealed(tenant, upload)]) {
        await unlink(path).catch(unlessMissing)
      }
    })
  }

  async forgetTenant(tenant: string): Promise<void> {
    const folder = join(this.#folder, tenantFolder(tenant))
    await translated(this.#folder, async () => {
      const parts = await readdir(folder).catch(unlessMissing)
      for (const part of parts ?? []) await rmdir(join(folder, part)).catch(unlessFull)
      await rmdir(folder).catch(unlessFull)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every file is closed by whoever opened it.
  }

  async #openForReading(path: string, hash: string): Promise<FileHandle> {
    try {
      return await open(path, 'r')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw damaged(hash, 'has lost its file', error)
      throw errorOf(error, this.#folder)
    }
  }

  #underWay(tenant: string, upload: string): string {
    return join(this.#folder, tenantFolder(tenant), 'uploads', upload)
  }

  #sealed(tenant: string, upload: string): string {
    return join(this.#folder, tenantFolder(tenant), upload.slice(0, 2), upload)
  }
}

class FileUpload implements BlobUpload {
  readonly #upload: string
  readonly #folder: string
  readonly #file: FileHandle
  readonly #underWay: string
  readonly #sealed: string
  #closed = false

  constructor(upload: string, folder: string, file: FileHandle, underWay: string, sealed: string) {
    this.#upload = upload
    this.#folder = folder
    this.#file = file
    this.#underWay = underWay
    this.#sealed = sealed
  }

  write(bytes: Uint8Array): Promise<void> {
    return translated(this.#folder, async () => {
      for (let written = 0; written < bytes.length;) {
        written += (await this.#file.write(bytes, written)).bytesWritten
      }
    })
  }

  seal(): Promise<void> {
    return translated(this.#folder, async () => {
      await this.#file.sync()
      await this.#close()
      await makeFolder(dirname(this.#sealed))
      try {
        await rename(this.#underWay, this.#sealed)
      } catch (error) {
        throw codeOf(error) === 'ENOENT' ? uploadGone(this.#upload) : error
      }
      await syncFolder(dirname(this.#sealed))
    })
  }

  async abort(): Promise<void> {
    await this.#close().catch(() => {})
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#file.close()
  }
}

/** Durable, with its parents as far as they are new. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made !== parse(made).root; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first) return
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; its file system keeps its own journal of names.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function translated<R>(folder: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work()
  } catch (error) {
    throw errorOf(error, folder)
  }
}

/** https://man7.org/linux/man-pages/man3/errno.3.html */
function errorOf(cause: unknown, folder: string): unknown {
  const code = codeOf(cause)
  if (code === undefined) return cause
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `The disk of the blob folder ${folder} is full: free space on it`
    return new HoldfastError('RESOURCE_EXHAUSTED', message, { cause, reason: 'DISK_FULL' })
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    const message = 'Too many files are open: raise the limit of open files, or put and read fewer blobs at once'
    return new HoldfastError('RESOURCE_EXHAUSTED', message, { cause, reason: 'TOO_MANY_FILES' })
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) {
    const message = `The blob folder ${folder} cannot be used (${code}): make it a folder that this process may write to`
    return new HoldfastError('PERMISSION_DENIED', message, { cause, reason: 'BLOB_FOLDER_REFUSED' })
  }
  const message = `The blob folder ${folder} failed (${code}): check its disk and try again`
  return new HoldfastError('UNAVAILABLE', message, { cause, reason: 'BLOB_FOLDER_FAILED' })
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof HoldfastError) return undefined
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

/** An upload that began meanwhile keeps its folder. */
function unlessFull(error: unknown): undefined {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
}
