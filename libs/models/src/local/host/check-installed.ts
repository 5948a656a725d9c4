import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { ModelCheck } from '../../chat-model.js'
import type { ModelHostState } from './model-host.js'

/** What `check()` of a local model answers: whether its packages are there, and what its process does.
 *  @param find resolves its files, and loads nothing */
export async function checkInstalled(
  host: { readonly name: string; state(): ModelHostState },
  find: () => Promise<unknown>,
): Promise<ModelCheck> {
  const startedAt = performance.now()
  const answer = (detail: string, error?: HoldfastError): ModelCheck => ({
    ok: error === undefined,
    detail,
    ...(error === undefined ? {} : { error }),
    isLoaded: host.state().status === 'ready',
    latencyMs: Math.round(performance.now() - startedAt),
  })
  try {
    await find()
  } catch (error) {
    const missing = asHoldfastError(error, `Looking for ${host.name}`)
    return answer(missing.message, missing)
  }
  const { status, error } = host.state()
  if (status === 'failed') return answer(error?.message ?? `The model ${host.name} failed`, error)
  const loaded = { unloaded: 'loads with the first call', loading: 'loads now', ready: 'is loaded' }[status]
  return answer(`The model ${host.name} is installed and ${loaded}`)
}
