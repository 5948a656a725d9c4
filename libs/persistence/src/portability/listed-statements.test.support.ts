import { existsSync, readFileSync } from 'node:fs'
import { join, parse as parsePath, relative } from 'node:path'
import { type AnyNode, type Node, parse } from 'acorn'

/** A statement as it stands in the code; `…` is what is put in when it is sent: names of tables, conditions, orders. */
export interface ListedStatement {
  /** Where its text stands, from `src/`. */
  readonly file: string
  readonly text: string
}

const dist = join(import.meta.dirname, '..')

/** The list of all of them. Anew: `node libs/persistence/dist/portability/write-list.test.support.js`. */
export const listFile: string = join(dist, '..', 'statements.sql')

/** How a statement begins. Messages and names that begin with such a word go on otherwise. */
const beginnings: readonly RegExp[] = [
  /^with (?:recursive )?[\w…]+(?:\s?\([^)]*\))? as /,
  /^with …/,
  /^… (?:select|delete from|update|insert into|using gin) /,
  /^select /,
  /^insert into /,
  /^update \S+(?: (?:as )?\w+)? set /,
  /^delete from /,
  /^merge into /,
  /^create (?:schema|table|sequence|unique|…|index)/,
  /^alter (?:table|index|sequence) /,
  /^drop (?:table|index|schema|sequence|…)/,
  /^comment on /,
  /^copy \S+ /,
  /^analyze …/,
  /^vacuum /,
  /^truncate /,
  /^explain /,
  /^(?:begin|start transaction)\b/,
  /^(?:commit|rollback)$/,
  /^set (?:local|session|…|\w+ (?:=|to) )/,
  /^show \w/,
  /^(?:un)?listen …/,
  /^lock table /,
]

/** Every statement in the code, in the order of files and texts. Found by its form in what is compiled, so that none can be left out. */
export function statementsInCode(): ListedStatement[] {
  const found = new Map<string, ListedStatement>()
  for (const [file, literals] of filesInUse()) {
    const source = relative(dist, file).replaceAll('\\', '/').replace(/\.js$/, '.ts')
    for (const text of statementsAmong(literals)) found.set(`${source}\n${text}`, { file: source, text })
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, statement]) => statement)
}

/** The statements in JavaScript. */
export function statementsIn(code: string): string[] {
  return statementsAmong(literalsOf(code))
}

/** Migrations and the bootstrap are several in one literal. */
function statementsAmong(literals: readonly string[]): string[] {
  const texts = literals.flatMap((literal) => literal.split(';')).map(flat)
  return texts.filter((text) => beginnings.some((beginning) => beginning.test(text.toLowerCase())))
}

/** The files that the library consists of, with the texts in them: what `index.js` leads to, by imports and by names of files. */
function filesInUse(): Map<string, string[]> {
  const files = new Map<string, string[]>()
  const open = [join(dist, 'index.js')]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    const literals = literalsOf(readFileSync(file, 'utf8'))
    files.set(file, literals)
    const { dir } = parsePath(file)
    open.push(
      ...literals
        .filter((text) => /^[\w./-]+\.js$/.test(text))
        .map((name) => join(dir, name))
        .filter(existsSync),
    )
  }
  return files
}

/** The list as a file: a comment for each file of code, then its statements. */
export function listText(statements: readonly ListedStatement[]): string {
  const lines: string[] = []
  let last: string | undefined
  for (const { file, text } of statements) {
    if (file !== last) lines.push(`${last === undefined ? '' : '\n'}-- ${file}`)
    last = file
    lines.push(`${text};`)
  }
  return `${lines.join('\n')}\n`
}

/** Whether a statement that was sent is the listed one, with something in its gaps. */
export function patternOf({ text }: ListedStatement): RegExp {
  const parts = text.split(/ ?… ?/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('[^]*')}$`)
}

export function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function literalsOf(code: string): string[] {
  const literals: string[] = []
  const visit = (node: AnyNode): void => {
    if (node.type === 'Literal' && typeof node.value === 'string') literals.push(node.value)
    if (node.type === 'TemplateLiteral') literals.push(node.quasis.map(({ value }) => value.cooked ?? '').join('…'))
    for (const child of Object.values(node) as unknown[]) {
      for (const one of Array.isArray(child) ? (child as unknown[]) : [child]) if (isNode(one)) visit(one)
    }
  }
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }))
  return literals
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string'
}
