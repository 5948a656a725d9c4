import { HoldfastError, invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { isArrayIndex, parseDataPath } from '../query/field-path.js'

/** `true`, or what can be searched for by equality: `{ search: ['email', 'address.city'] }`. */
export type EncryptOption =
  | boolean
  | {
      /** Field paths. A keyed hash of each value stands beside the ciphertext: equal values of a tenant have equal hashes. */
      readonly search?: readonly string[]
    }

export interface EncryptSpec {
  /** By field path, sorted. */
  readonly search: ReadonlyMap<string, readonly string[]>
}

const maxSearchFields = 16

/** `undefined`: not encrypted, or nothing is said. */
export function parseEncrypt(option: unknown): EncryptSpec | undefined {
  if (option === undefined || option === false) return undefined
  if (option === true) return { search: new Map() }
  checkOptions(option, ['search'])
  const { search = [] } = option as { readonly search?: unknown }
  if (!Array.isArray(search)) throw invalidField('encrypt.search', 'must be an array of field paths')
  if (search.length > maxSearchFields) throw invalidField('encrypt.search', `must be at most ${maxSearchFields} fields`)
  const paths = search.map((path: unknown, index): [string, readonly string[]] => {
    const field = `encrypt.search[${index}]`
    if (typeof path !== 'string') throw invalidField(field, 'must be a field path')
    const segments = parseDataPath(path, field)
    if (segments.some(isArrayIndex)) throw invalidField(field, 'must not number an element of an array')
    return [path, segments]
  })
  return { search: new Map(paths.sort(([a], [b]) => (a < b ? -1 : 1))) }
}

export function notConfigured(name: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `${name} is encrypted, and the store has no keys: open it with encryption.keys, or set HOLDFAST_ENCRYPTION_KEYS`,
    { reason: 'ENCRYPTION_NOT_CONFIGURED' },
  )
}
