import type sharp from 'sharp'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
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

/** The version that is installed, or `none`: another one may decode and draw other pixels, so it is part of the versions of models. Loads nothing. */
export function sharpVersion(): string {
  try {
    const script = createRequire(import.meta.url).resolve('sharp')
    const { version } = JSON.parse(readFileSync(join(dirname(script), '..', 'package.json'), 'utf8')) as {
      version: string
    }
    return version
  } catch {
    return 'none'
  }
}
