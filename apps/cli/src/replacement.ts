import { open, rename, rm } from 'node:fs/promises'
import { HoldfastError } from '@holdfast/errors'

/** A file that takes the place of another, in one step, when all of it is written. */
export interface Replacement {
  readonly write: (content: string | Uint8Array) => Promise<void>
  /** Puts it in the place of the file, in one step. */
  keep(): Promise<void>
  /** Removes it, unless it was kept. */
  drop(): Promise<void>
}

/** @throws FAILED_PRECONDITION if it cannot be written */
export async function replacement(file: string): Promise<Replacement> {
  const begun = `${file}.${process.pid}.part`
  const handle = await open(begun, 'w').catch((error: unknown) => {
    const text = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such folder' : String(error)
    throw new HoldfastError('FAILED_PRECONDITION', `${file} cannot be written: ${text}`, { cause: error })
  })
  let isOpen = true
  const close = async (): Promise<void> => {
    isOpen = false
    await handle.close()
  }
  return {
    write: (content) => handle.writeFile(content),
    async keep() {
      await handle.sync()
      await close()
      await rename(begun, file)
    },
    async drop() {
      if (!isOpen) return
      await close()
      await rm(begun, { force: true })
    },
  }
}
