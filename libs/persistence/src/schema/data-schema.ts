import { asHoldfastError, type FieldViolation, invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson, pathOf } from '../json.js'
import type { SchemaResult, StandardIssue, StandardSchema } from './standard-schema.js'

/** A Standard Schema applied to what is stored. It sees JSON, as reads return it: a Date has become its ISO string. Otherwise it
 *  would accept at an insert what it refuses at the next update of the same document. */
export class DataSchema {
  readonly #schema: StandardSchema

  /** @throws INVALID_ARGUMENT if it is no Standard Schema of version 1 */
  constructor(schema: unknown, field = 'schema') {
    if (!isStandardSchema(schema)) {
      throw invalidField(field, 'must be a Standard Schema (zod, valibot, arktype or another, see standardschema.dev)')
    }
    this.#schema = schema
  }

  /** What the schema makes of the data: defaults applied, unknown members gone or kept as it says.
   *  @throws INVALID_ARGUMENT with reason SCHEMA_MISMATCH that names the paths at fault, `data.items[2].price` */
  async accept(data: unknown, at: string): Promise<unknown> {
    return this.acceptJson(decodeJson(encodeJson(data, at)), at)
  }

  /** The same for what JSON.parse made. */
  async acceptJson(data: unknown, at: string): Promise<unknown> {
    const result = await this.#validate(data)
    if (result.issues === undefined) return result.value
    const [first, ...others] = violations(result.issues, at)
    if (first === undefined) throw invalidField(at, 'is refused by the schema', { reason: 'SCHEMA_MISMATCH' })
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    throw invalidField(first.field, `does not fit the schema: ${first.description}${more}`, {
      reason: 'SCHEMA_MISMATCH',
      fields: others,
    })
  }

  /** What the schema finds fault with; none if it accepts. */
  async faults(data: unknown, at: string): Promise<FieldViolation[]> {
    const { issues } = await this.#validate(data)
    return issues === undefined ? [] : violations(issues, at)
  }

  async #validate(data: unknown): Promise<SchemaResult<unknown>> {
    try {
      return await this.#schema['~standard'].validate(data)
    } catch (error) {
      throw asHoldfastError(error, 'Validating data with its schema')
    }
  }
}

/** Arktype's schemas are functions. */
function isStandardSchema(schema: unknown): schema is StandardSchema {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard = (schema as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

function violations(issues: readonly StandardIssue[], at: string): FieldViolation[] {
  return issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => (typeof part === 'object' ? part.key : part))
    const named = keys.map((key) => (typeof key === 'symbol' ? String(key) : key))
    return { field: pathOf(at, named.toReversed()), description: message }
  })
}
