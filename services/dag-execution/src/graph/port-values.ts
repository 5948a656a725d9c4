import { HoldfastError } from '@holdfast/errors'
import type { JsonObject, NodeType } from './graph.js'
import { fits, nodeTypeDescriptions, typeOfValue } from './node-types.js'

/** Whether what expressions came to fits the ports. Null stands for nothing: of a port that may be left out, it is left out.
 *  @throws INVALID_ARGUMENT (INPUT_TYPE) */
export function portValues(node: string, type: NodeType, input: JsonObject): JsonObject {
  const { inputs } = nodeTypeDescriptions[type]
  const values: { [port: string]: JsonObject[string] } = {}
  for (const [name, value] of Object.entries(input)) {
    const port = inputs[name]
    if (port === undefined) continue
    if (value === null && port.type !== 'any') continue
    const actual = typeOfValue(value)
    if (!fits(actual, port.type) && !(actual === 'string' && port.type === 'artifact')) {
      throw wrong(
        `${name} of ${node} must be ${port.type === 'artifact' ? 'the id of an artifact' : `of type ${port.type}`}, and is of type ${actual}`,
      )
    }
    values[name] = value
  }
  for (const [name, { required = false }] of Object.entries(inputs)) {
    // What a graph within is, is not an input while it runs.
    if (required && !Object.hasOwn(values, name) && name !== 'graph' && name !== 'items')
      throw wrong(`${name} of ${node} is missing: it is null`)
  }
  return values
}

function wrong(message: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', message, { reason: 'INPUT_TYPE' })
}

/** What a port of texts holds, which `portValues` has looked at. */
export function textOf<D extends string | undefined>(input: JsonObject, port: string, otherwise: D): string | D {
  const value = input[port]
  return typeof value === 'string' ? value : otherwise
}

export function numberOf<D extends number | undefined>(input: JsonObject, port: string, otherwise: D): number | D {
  const value = input[port]
  return typeof value === 'number' ? value : otherwise
}
