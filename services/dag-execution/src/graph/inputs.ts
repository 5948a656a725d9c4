import { Validator } from '@cfworker/json-schema'
import { HoldfastError } from '@holdfast/errors'
import type { Graph, JsonObject } from './graph.js'
import { at } from './problems.js'

const validators = new WeakMap<JsonObject, Validator>()

/** Whether what a graph is given fits what it asks for. The validator interprets schemas, so that those of strangers run no code.
 *  @throws INVALID_ARGUMENT (INPUTS_INVALID) with a field for each problem: `inputs.question` */
export function checkInputs({ name: graph, inputs: schemas }: Graph, given: JsonObject, path = 'inputs'): void {
  const problems: { field: string; description: string }[] = []
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(schemas, name)) {
      const known = Object.keys(schemas).join(', ') || 'none'
      problems.push({ field: at(path, name), description: `is no input of ${graph}: known are ${known}` })
    }
  }
  for (const [name, schema] of Object.entries(schemas)) {
    const value = given[name]
    if (value === undefined) {
      if (!Object.hasOwn(schema, 'default')) problems.push({ field: at(path, name), description: 'is missing' })
      continue
    }
    for (const { instanceLocation, error } of validatorOf(schema).validate(value).errors.slice(-1)) {
      problems.push({
        field: at(path, name) + instanceLocation.slice(1).replaceAll('/', '.'),
        description: `does not fit: ${error}`,
      })
    }
  }
  const [first] = problems
  if (first === undefined) return
  throw new HoldfastError('INVALID_ARGUMENT', `${first.field} ${first.description}`, {
    reason: 'INPUTS_INVALID',
    fields: problems,
  })
}

function validatorOf(schema: JsonObject): Validator {
  const known = validators.get(schema)
  if (known !== undefined) return known
  const made = new Validator(schema, '2020-12', true)
  validators.set(schema, made)
  return made
}
