import { asHoldfastError } from '@holdfast/errors'

export interface Check {
  readonly name: string
  /** `warn`: works, and somebody should look at it. */
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do. */
  readonly advice?: string
}

/** A failure as a check; its message says what to do. */
export function failed(name: string, error: unknown, advice?: string): Check {
  const { code, message } = asHoldfastError(error, name)
  return { name, status: 'fail', detail: `${code}: ${message}`, ...(advice === undefined ? {} : { advice }) }
}
