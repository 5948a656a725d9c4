import type sharp from 'sharp'
import { fromPackage } from '../local/host/missing-package.js'

export type Sharp = typeof sharp

let loading: Promise<Sharp> | undefined

/** The package that decodes, draws and encodes pictures; loaded on first use. Its work runs in threads of its own, off the event loop.
 *  @throws FAILED_PRECONDITION with the reason MODEL_NOT_INSTALLED */
export function loadSharp(): Promise<Sharp> {
  loading ??= fromPackage('pictures', ['sharp@0.35'], async () => (await import('sharp')).default)
  // An installation that is completed later is found.
  loading.catch(() => {
    loading = undefined
  })
  return loading
}
