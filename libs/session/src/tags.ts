import { invalidField } from '@holdfast/errors'
import { checkText } from './validation.js'

const maxTags = 64

/** Sorted, each once. @throws INVALID_ARGUMENT */
export function checkTags(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) throw invalidField(field, 'must be an array of texts')
  if (value.length > maxTags) throw invalidField(field, `must be at most ${maxTags}`)
  const tags = value.map((tag: unknown, index) => checkText(tag, `${field}[${index}]`, { max: 128 }))
  return [...new Set(tags)].sort((a, b) => (a < b ? -1 : 1))
}
