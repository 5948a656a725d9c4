import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import { isPlainObject } from '../query/plain-object.js'

/** Data of one version, as it was stored, into data of the next. It gets a copy that it may change and return. */
export type UpcastStep = {
  // A method, so that a step may say what its version looked like: (data: UserV1) => …
  bivariant(data: Record<string, unknown>): unknown
}['bivariant']

/** By the version that a step starts from: `{ 1: (data) => …, 2: (data) => … }`. */
export type Upcast = Readonly<Record<number, UpcastStep>>

/** The versions of a collection's data: 1 is what was stored before there was any step, and each step leads to the next. */
export class SchemaVersions {
  /** What is written. */
  readonly current: number
  readonly #steps: readonly UpcastStep[]

  /** @throws INVALID_ARGUMENT if a step is missing or is no function */
  constructor(upcast: unknown) {
    if (!isPlainObject(upcast)) throw invalidField('upcast', 'must be an object of steps: { 1: (data) => data }')
    const names = Object.keys(upcast)
    this.#steps = names.map((name, index) => {
      const step = upcast[index + 1]
      if (step === undefined) {
        throw invalidField('upcast', `must have the steps 1 to ${names.length} without gaps: ${index + 1} is missing`)
      }
      if (typeof step !== 'function') throw invalidField(`upcast[${name}]`, 'must be a function')
      return step as UpcastStep
    })
    this.current = names.length + 1
  }

  /** @param from the version that the data has
   *  @throws FAILED_PRECONDITION with reason SCHEMA_TOO_NEW if that is newer than this program, and with reason UPCAST_FAILED if a
   *  step throws */
  upcast(data: unknown, from: number, document: string): unknown {
    if (from > this.current) throw tooNew(document, from, this.current)
    let value = data
    for (let version = from; version < this.current; version += 1) {
      try {
        value = this.#steps[version - 1]?.(value as Record<string, unknown>)
      } catch (error) {
        const { message } = asHoldfastError(error, 'the step')
        throw new HoldfastError(
          'FAILED_PRECONDITION',
          `Document ${document} could not be brought from schema version ${version} to ${version + 1} (${message}): correct that upcast step`,
          { cause: error, reason: 'UPCAST_FAILED', metadata: { version: String(version) } },
        )
      }
    }
    return value
  }
}

export function tooNew(document: string, version: number, known: number): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Document ${document} has schema version ${version}, newer than this program's ${known}: upgrade the program`,
    { reason: 'SCHEMA_TOO_NEW', metadata: { version: String(version), known: String(known) } },
  )
}
