import { invalidField } from '@holdfast/errors'
import type { SqlArray, SqlValue } from './driver.js'

/** The protocol counts them with 16 bits, and drivers have been seen to stop at half of that. */
const maxParameters = 32_767

/** Collects the values of a statement while its text is put together; `$1` is the first. */
export class Parameters {
  readonly values: SqlValue[] = []

  add(value: SqlValue, type: string): string {
    this.values.push(value)
    if (this.values.length > maxParameters) {
      throw invalidField(
        'filter',
        `needs more than ${maxParameters} values in SQL: ask with fewer conditions or shorter paths`,
      )
    }
    return `$${this.values.length}::${type}`
  }

  text(value: string): string {
    return this.add(value, 'text')
  }

  /** jsonb from JSON text that is already escaped for jsonb. */
  json(text: string): string {
    return this.add(text, 'jsonb')
  }

  textArray(items: readonly string[]): string {
    return this.add(textArray(items), 'text[]')
  }
}

/** An array whose length the planner does not see: where it does, a plan for less than ten rows seems cheaper than the one that is kept for any
 *  number, and the server makes one for each call. See docs/decisions/0092-arrays-without-a-length.md.
 *  @param parameter with its type, as in `$1::text[]` */
export function unsized(parameter: string): string {
  return `(select ${parameter})`
}

export function textArray(items: readonly (string | null)[]): SqlArray {
  return { type: 'text', items }
}

export function int8Array(items: readonly (number | null)[]): SqlArray {
  return { type: 'int8', items }
}
