import { readFile } from 'node:fs/promises'
import { HoldfastError } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'

export interface KeyFlags {
  readonly keyFile?: string
}

/** The key that the flag, HOLDFAST_BACKUP_KEY_FILE or HOLDFAST_BACKUP_KEY gives, as `key` of an options object.
 *  @throws NOT_FOUND */
export async function keyOf(
  { keyFile }: KeyFlags,
  { environment }: CommandContext,
): Promise<{ readonly key?: string }> {
  const file = keyFile ?? environment['HOLDFAST_BACKUP_KEY_FILE']
  if (file === undefined) {
    const key = environment['HOLDFAST_BACKUP_KEY']
    return key === undefined || key === '' ? {} : { key }
  }
  try {
    return { key: (await readFile(file, 'utf8')).trim() }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new HoldfastError('NOT_FOUND', `The key of the backup cannot be read: ${text}`, { cause: error })
  }
}
