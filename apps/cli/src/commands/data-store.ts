import { existsSync } from 'node:fs'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { settingsOf } from '../settings.js'
import type { StoreFlags } from './store-options.js'

/** @param options.mayCreate whether an embedded store may be made where there is none
 *  @throws FAILED_PRECONDITION if another process has the folder; NOT_FOUND if there is none */
export async function openDataStore(
  flags: StoreFlags,
  { environment }: CommandContext,
  options: { readonly mayCreate: boolean },
): Promise<DocumentStore> {
  const { storeUrl, folder } = settingsOf(flags, environment)
  if (!options.mayCreate && folder !== undefined && !existsSync(folder)) {
    throw new HoldfastError('NOT_FOUND', `There is no data folder ${folder}: name one with --data`)
  }
  return openDocumentStore(storeUrl, { blobs: environment['HOLDFAST_BLOBS_URL'] ?? 'database' })
}

export function throwIfStopped({ signal }: CommandContext): void {
  if (signal.aborted) throw new HoldfastError('CANCELLED', 'The command was stopped: run it again')
}

export function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 10) / 100
}
