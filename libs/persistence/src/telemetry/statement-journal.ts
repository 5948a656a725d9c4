import type { Statement } from '../sql/driver.js'
import { shapeOf } from './statement-shape.js'

let journal: Map<string, string> | undefined

/** From now on, the text of every statement that this process sends, with its operation: how the portability of all of them is
 *  checked (portability/). */
export function recordStatements(): ReadonlyMap<string, string> {
  journal ??= new Map()
  return journal
}

export function note(statement: Pick<Statement, 'name' | 'text'>): void {
  if (journal !== undefined && !journal.has(statement.text)) journal.set(statement.text, shapeOf(statement).operation)
}
