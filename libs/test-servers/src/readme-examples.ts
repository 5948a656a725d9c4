import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The code of a Markdown file in one language, each block by itself, in order.
 *  @throws when it has none */
export async function examplesOf(file: URL | string, language: 'ts' | 'js' = 'ts'): Promise<string[]> {
  const text = await readFile(file, 'utf8')
  const examples = [...text.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code ?? '')
  if (examples.length === 0) throw new Error(`${String(file)} has no example in ${language}`)
  return examples
}

/** Runs an example as a program of its own, in an empty folder.
 *  @param example is not compiled: what TypeScript knows and JavaScript does not, it must not have
 *  @param near folder within the package, so that package names resolve
 *  @returns what it printed on standard output
 *  @throws when it fails, takes longer than 60 s or leaves files behind */
export async function runExample(
  example: string,
  near: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const parent = await mkdtemp(join(near, 'readme-'))
  try {
    const file = join(parent, 'example.mjs')
    await writeFile(file, example)
    const folder = await mkdtemp(join(parent, 'empty-'))
    const options = { cwd: folder, env: { ...process.env, ...environment }, timeout: 60_000 }
    const { stdout } = await run(process.execPath, [file], options)
    const left = await readdir(folder)
    if (left.length > 0) throw new Error(`The example left behind: ${left.join(', ')}`)
    return stdout
  } finally {
    await rm(parent, { recursive: true })
  }
}

/** Runs an example in this process: for servers that would go on, so that the test ends only if nothing is left running.
 *  @param scope what the example imports, and what takes the place of globals
 *  @returns what it gave to console.log, each call an array */
export async function runExampleHere(
  example: string,
  scope: Readonly<Record<string, unknown>>,
): Promise<readonly (readonly unknown[])[]> {
  const printed: unknown[][] = []
  const withoutImports = example.replace(/^(?:import [^\n]+\n)+/, '')
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: readonly unknown[]) => Promise<void>
  const program = new AsyncFunction(...Object.keys(scope), 'console', withoutImports)
  await program(...Object.values(scope), { log: (...values: unknown[]) => printed.push(values) })
  return printed
}
