import type { Statement } from '../sql/statement.js'

/** What a statement does, without any value. */
export interface StatementShape {
  /** `put`, `gets`, `find`, `append`, …: the name under which it is prepared up to the colon, else its first word. */
  readonly operation: string
  /** The collection or log that it is about; absent: tables of Holdfast itself. */
  readonly collection?: string
}

const known = new Map<string, StatementShape>()
const maxKnown = 2_000

export function shapeOf({ name, text }: Pick<Statement, 'name' | 'text'>): StatementShape {
  const found = known.get(text)
  if (found !== undefined) return found
  const [operation = 'statement'] = (name ?? text.trimStart().toLowerCase()).split(/[^a-z-]/, 1)
  const collection = /holdfast\."(?:[a-z]_)([a-z0-9.-]+)"/.exec(text)?.[1]
  const shape = {
    operation: operation === '' ? 'statement' : operation,
    ...(collection === undefined ? {} : { collection }),
  }
  if (known.size < maxKnown) known.set(text, shape)
  return shape
}

/** How many calls travel in a statement: the length of its arrays; 1 without any. */
export function batchSizeOf({ values }: Pick<Statement, 'values'>): number {
  for (const value of values) {
    if (typeof value === 'object' && value !== null && 'items' in value) return value.items.length
  }
  return 1
}
