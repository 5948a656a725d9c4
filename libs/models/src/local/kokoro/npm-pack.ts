import { type ErrorCode, HoldfastError } from '@holdfast/errors'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const codes: Readonly<Record<string, ErrorCode>> = {
  EINTEGRITY: 'DATA_LOSS',
  E404: 'NOT_FOUND',
  ETARGET: 'NOT_FOUND',
  E401: 'UNAUTHENTICATED',
  E403: 'PERMISSION_DENIED',
  ENOSPC: 'RESOURCE_EXHAUSTED',
}

/** Has npm put the tarball of a package into a folder, from the registry that npm is configured with, and compared with the integrity that
 *  the registry states. Nothing of the package is run.
 *  @param spec `NAME@VERSION`
 *  @throws UNAVAILABLE, or as npm says: DATA_LOSS, NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED, RESOURCE_EXHAUSTED; FAILED_PRECONDITION
 *    with NPM_MISSING; CANCELLED */
export async function npmPack(spec: string, folder: string, signal?: AbortSignal): Promise<void> {
  const args = ['pack', spec, '--pack-destination', folder, '--ignore-scripts', '--loglevel=error']
  try {
    await run('npm', [...args, '--no-update-notifier'], signal === undefined ? {} : { signal })
  } catch (cause) {
    throw failure(spec, cause as NodeJS.ErrnoException & { readonly stderr?: string })
  }
}

function failure(spec: string, cause: NodeJS.ErrnoException & { readonly stderr?: string }): HoldfastError {
  if (cause.name === 'AbortError') return new HoldfastError('CANCELLED', `Fetching ${spec} was cancelled`, { cause })
  if (cause.code === 'ENOENT') {
    const message = `npm is missing, which fetches ${spec}: install it, and run the command again`
    return new HoldfastError('FAILED_PRECONDITION', message, { reason: 'NPM_MISSING', cause })
  }
  const [, said] = /^npm (?:error|ERR!) code (\w+)$/m.exec(cause.stderr ?? '') ?? []
  const code = codes[said ?? ''] ?? 'UNAVAILABLE'
  return new HoldfastError(code, `npm could not fetch ${spec}: ${said ?? 'it says why in the cause'}`, { cause })
}
