import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Files, relative to the root, that match some pattern and none with ! in front; sorted. */
export function filesOf(root: string, patterns: readonly string[]): readonly string[] {
  const excluded = patterns.filter((one) => one.startsWith('!')).map((one) => expressionOf(one.slice(1)))
  const included = patterns.filter((one) => !one.startsWith('!'))
  const found = new Set<string>()
  for (const pattern of included) {
    const expression = expressionOf(pattern)
    const fixed = pattern.includes('*') ? pattern.slice(0, pattern.lastIndexOf('/', pattern.indexOf('*'))) : pattern
    for (const path of filesIn(root, fixed)) {
      if (expression.test(path) && !excluded.some((one) => one.test(path))) found.add(path)
    }
  }
  return [...found].toSorted()
}

/** @returns the path itself if it is a file; nothing if it is not there */
function filesIn(root: string, path: string): readonly string[] {
  const full = join(root, path)
  if (!existsSync(full)) return []
  if (!lstatSync(full).isDirectory()) return [path]
  return readdirSync(full, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(root, `${path}/${entry.name}`) : [`${path}/${entry.name}`],
  )
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map((part) => (part === '**' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')))
    .join('/')
    .replaceAll('.*/', '(?:.*/)?')
  return new RegExp(`^${source}$`)
}

export function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

export function hashOfFile(root: string, path: string): string {
  return hashOf(readFileSync(join(root, path)))
}
