import type { HoldfastError } from '@holdfast/errors'
import type OpenAI from 'openai'
import type { CheckOptions, ModelCheck } from '../chat-model.js'
import { failureOf, notCompatible } from './failures.js'
import type { Settings } from './options.js'
import { ReplyLimits } from './reply-limits.js'
import type { Redact } from './secrets.js'

/** Asks the endpoint for its list of models: that costs nothing and needs the key. */
export async function checkEndpoint(
  client: OpenAI,
  settings: Settings,
  redact: Redact,
  options: CheckOptions,
): Promise<ModelCheck> {
  const startedAt = performance.now()
  using limits = new ReplyLimits(options.signal, options.timeoutMs ?? 5_000)
  const answer = (ok: boolean, detail: string, error?: HoldfastError): ModelCheck => ({
    ok,
    detail: `${settings.baseUrl.origin} ${detail}`,
    latencyMs: performance.now() - startedAt,
    ...(error === undefined ? {} : { error }),
  })
  try {
    const models = modelsIn(await client.get<unknown>('/models', { signal: limits.signal }), redact)
    if (isListed(settings.model, models)) return answer(true, `answers and has the model ${settings.model}`)
    return answer(true, `answers, but does not list the model ${settings.model}`)
  } catch (error) {
    const failure = limits.failure ?? failureOf(error, redact)
    // Some endpoints have chat completions and nothing else.
    if (failure.code === 'NOT_FOUND')
      return answer(true, 'answers, but not to /models: if replies fail too, correct the base URL')
    return answer(false, `is of no use: ${failure.message}`, failure)
  }
}

function modelsIn(body: unknown, redact: Redact): unknown[] {
  const models: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'data') : undefined
  if (Array.isArray(models)) return models
  throw notCompatible('something else than a list of models', redact)
}

/** Ollama lists `llama3.2:latest` for what may be called `llama3.2`. */
function isListed(model: string, models: readonly unknown[]): boolean {
  return models.some((one) => {
    const id: unknown = typeof one === 'object' && one !== null ? Reflect.get(one, 'id') : undefined
    return id === model || id === `${model}:latest`
  })
}
