import { invalidField } from '@holdfast/errors'

/** Refuses options that are not known: a misspelt `ifVersion` would make a guarded write an unguarded one in silence. */
export function checkOptions(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw invalidField('options', 'must be an object')
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidField(name, `is not an option here: known are ${known.join(', ')}`)
  }
}
