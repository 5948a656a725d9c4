import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { HoldfastError } from '@holdfast/errors'
import { FolderLock } from '../embedded/folder-lock.js'
import type { BackupTarget } from './backup-options.js'

/** Where the bytes of a backup go. */
export interface OpenTarget {
  /** What a backup that was cut has left; absent: nothing, or no such thing is possible. */
  readonly begun?: () => AsyncIterable<Uint8Array>
  /** Leaves only the first bytes of it. */
  keep(bytes: number): Promise<void>
  write(bytes: Uint8Array): Promise<void>
  /** All is written. */
  finish(): Promise<void>
  /** Lets go; what was written of a file stays, to go on with. */
  close(): Promise<void>
}

export async function openTarget(target: BackupTarget): Promise<OpenTarget> {
  if (typeof target === 'string') return FileTarget.open(resolve(target))
  return {
    keep: async () => {},
    write: (bytes) => target.write(bytes),
    finish: async () => {},
    close: async () => {},
  }
}

/** A file comes to be in a folder beside its place, which one process has at a time. */
class FileTarget implements OpenTarget {
  readonly begun: () => AsyncIterable<Uint8Array>
  readonly #file: string
  readonly #folder: string
  readonly #lock: FolderLock
  readonly #handle: FileHandle
  #at = 0
  #isOpen = true

  private constructor(file: string, folder: string, lock: FolderLock, handle: FileHandle) {
    this.#file = file
    this.#folder = folder
    this.#lock = lock
    this.#handle = handle
    this.begun = () => createReadStream(contentIn(folder), { highWaterMark: 1024 * 1024 })
  }

  static async open(file: string): Promise<FileTarget> {
    const folder = `${file}.part`
    try {
      await mkdir(folder, { mode: 0o700 }).catch(ignoring('EEXIST'))
      const lock = await FolderLock.take(folder)
      try {
        const handle = await open(contentIn(folder), 'r+').catch(ignoring('ENOENT'))
        return new FileTarget(file, folder, lock, handle ?? (await open(contentIn(folder), 'wx+', 0o600)))
      } catch (error) {
        lock.release()
        throw error
      }
    } catch (error) {
      const how = error instanceof Error ? error.message : String(error)
      throw new HoldfastError('FAILED_PRECONDITION', `${file} cannot be written: ${how}`, { cause: error })
    }
  }

  async keep(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes)
    this.#at = bytes
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#at)
        done += bytesWritten
        this.#at += bytesWritten
      }
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
      const text = error instanceof Error ? error.message : String(error)
      const next = isFull ? 'make room and call it again to go on' : 'call it again to go on'
      throw new HoldfastError(
        isFull ? 'RESOURCE_EXHAUSTED' : 'UNAVAILABLE',
        `${this.#file} cannot be written (${text}): ${next}`,
        { cause: error },
      )
    }
  }

  async finish(): Promise<void> {
    await this.#handle.sync()
    await rename(contentIn(this.#folder), this.#file)
    await this.close()
    await rmdir(this.#folder).catch(() => {})
    // The rename itself is durable only with its folder.
    const parent = await open(dirname(this.#file), 'r')
    await parent.sync().catch(() => {})
    await parent.close()
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#handle.close()
    this.#lock.release()
  }
}

const contentIn = (folder: string): string => join(folder, 'content')

function ignoring(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined
    throw error
  }
}
