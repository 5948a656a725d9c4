import { HoldfastError } from '@holdfast/errors'
import { setTimeout as delay } from 'node:timers/promises'
import { fromPackage } from './missing-package.js'
import { type ServedCall, serveModel } from './serve-model.js'

export interface TestSettings {
  readonly loadMs?: number
  /** Loading fails. */
  readonly missing?: boolean
  readonly diesLoading?: boolean
}

/** `number`: usually of the process. */
export type TestResult = number | Float32Array

export type TestRequest =
  | { readonly do: 'say'; readonly events?: number }
  /** Computes without a pause; takes a breath now and then if `polite`. */
  | { readonly do: 'compute'; readonly ms: number; readonly polite: boolean }
  | { readonly do: 'double'; readonly samples: Float32Array }
  /** The values of these variables that the process has. */
  | { readonly do: 'count-variables'; readonly names: readonly string[] }
  | { readonly do: 'refuse' | 'break' | 'throw-later' | 'exit' | 'abort' }

serveModel(async (settings: TestSettings) => {
  if (settings.diesLoading === true) process.exit(3)
  await delay(settings.loadMs ?? 0)
  // @ts-expect-error there is no such package
  if (settings.missing === true) await fromPackage('test', ['no-such-package@1.0.0'], () => import('no-such-package'))
  return { run }
})

async function run(request: TestRequest, { breathe, emit }: ServedCall<number>): Promise<TestResult> {
  switch (request.do) {
    case 'say':
      for (let n = 1; n <= (request.events ?? 0); n += 1) emit(n)
      return process.pid
    case 'compute':
      for (const end = performance.now() + request.ms; performance.now() < end;) if (request.polite) await breathe()
      return process.pid
    case 'double':
      return request.samples.map((one) => one * 2)
    case 'count-variables':
      return request.names.filter((name) => process.env[name] !== undefined).length
    case 'refuse':
      throw new HoldfastError('INVALID_ARGUMENT', 'voice is not one', {
        reason: 'NO_VOICE',
        fields: [{ field: 'voice', description: 'is not one' }],
        retryAfterMs: 7,
      })
    case 'break':
      throw new TypeError('x is not a function')
    case 'throw-later':
      setTimeout(() => {
        throw new Error('later')
      })
      return new Promise<never>(() => {})
    case 'abort':
      return process.abort()
    default:
      return process.exit(3)
  }
}
