import { invalidField } from '@holdfast/errors'
import { checkInteger } from '../log-input.js'
import { checkOptions } from '../options.js'
import { checkMs } from './lifetime.js'
import type { LogRetention } from './upkeep-operations.js'

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseRetention(retain: unknown): LogRetention {
  if (typeof retain !== 'object' || retain === null) {
    throw invalidField('retain', 'must be { keepLast }, { olderThanMs } or both')
  }
  checkOptions(retain, ['keepLast', 'olderThanMs'])
  const { keepLast, olderThanMs } = retain as Record<string, unknown>
  if (keepLast === undefined && olderThanMs === undefined) {
    throw invalidField('retain', 'must have keepLast, olderThanMs or both')
  }
  return {
    ...(keepLast === undefined ? {} : { keepLast: checkInteger(keepLast, 'retain.keepLast', 0) }),
    ...(olderThanMs === undefined ? {} : { olderThanMs: checkMs(olderThanMs, 'retain.olderThanMs', 0) }),
  }
}
