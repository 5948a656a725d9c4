import { HoldfastError } from '@holdfast/errors'
import { type Expression, type Reference, type Values, asText, parseExpression } from './expression.js'
import type { Json } from './graph.js'
import { type Problems, at } from './problems.js'

/** A value in which strings may hold `${{ expressions }}`: alone such a string is the expression's value, among other text its
 *  text. `$${{` is a plain `${{`. */
export interface Template {
  readonly references: readonly { readonly reference: Reference; readonly path: string }[]
  /** The expression, if the template is nothing else. */
  readonly only?: Expression
  /** The value, if there is no expression in it. */
  readonly literal?: Json
  evaluate(values: Values): Json
}

const hole = /(\$?)\$\{\{([\s\S]*?)\}\}/g

/** Problems are added with their paths; what could not be read is null. */
export function parseTemplate(value: Json, path: string, problems: Problems): Template {
  if (typeof value === 'string') return parseText(value, path, problems)
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item, index) => parseTemplate(item, at(path, index), problems))
    if (items.every(isLiteral)) return literal(value)
    return {
      references: items.flatMap(({ references }) => references),
      evaluate: (values) => items.map((item) => item.evaluate(values)),
    }
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, member]) => [name, parseTemplate(member, at(path, name), problems)] as const,
    )
    if (members.every(([, member]) => isLiteral(member))) return literal(value)
    return {
      references: members.flatMap(([, { references }]) => references),
      evaluate: (values) => Object.fromEntries(members.map(([name, member]) => [name, member.evaluate(values)])),
    }
  }
  return literal(value)
}

/** The text of `when` and `forEach`: an expression, with or without `${{ }}`. */
export function parseCondition(text: string, path: string, problems: Problems): Template {
  const inside = /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(text)?.[1] ?? text
  return expressionTemplate(inside.trim(), path, problems)
}

function parseText(text: string, path: string, problems: Problems): Template {
  const pieces: (string | Template)[] = []
  let from = 0
  for (const found of text.matchAll(hole)) {
    const [whole, escape, inside = ''] = found
    if (found.index > from) pieces.push(text.slice(from, found.index))
    from = found.index + whole.length
    pieces.push(escape === '$' ? whole.slice(1) : expressionTemplate(inside.trim(), path, problems))
  }
  if (from < text.length) pieces.push(text.slice(from))
  const [only] = pieces
  if (pieces.length === 1 && typeof only === 'object') return only
  const holes = pieces.filter((piece) => typeof piece === 'object')
  if (holes.length === 0) return literal(pieces.filter((piece) => typeof piece === 'string').join(''))
  return {
    references: holes.flatMap(({ references }) => references),
    evaluate: (values) =>
      pieces.map((piece) => (typeof piece === 'string' ? piece : asText(piece.evaluate(values)))).join(''),
  }
}

function expressionTemplate(text: string, path: string, problems: Problems): Template {
  try {
    if (text === '') throw new HoldfastError('INVALID_ARGUMENT', 'An expression must not be empty')
    const only = parseExpression(text)
    return {
      references: only.references.map((reference) => ({ reference, path })),
      only,
      evaluate: (values) => only.evaluate(values),
    }
  } catch (error) {
    problems.add(path, lowered((error as Error).message))
    return literal(null)
  }
}

function literal(value: Json): Template {
  return { references: [], literal: value, evaluate: () => value }
}

function isLiteral(template: Template): boolean {
  return template.literal !== undefined
}

function lowered(message: string): string {
  return `: ${message.slice(0, 1).toLowerCase()}${message.slice(1)}`
}
