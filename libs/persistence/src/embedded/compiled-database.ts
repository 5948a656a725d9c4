import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A `WebAssembly.Module`, for which neither Node's types nor those of the language have a name. */
export interface CompiledModule {
  readonly [Symbol.toStringTag]: 'WebAssembly.Module'
}

const { WebAssembly: webAssembly } = globalThis as unknown as {
  readonly WebAssembly: { compile(bytes: Uint8Array): Promise<CompiledModule> }
}

let compiled: Promise<CompiledModule> | undefined

/** PGlite's WebAssembly, compiled once for all threads of the process: what one of them has made quick is quick for the next, which
 *  may be the same database after its thread died. @throws what keeps the file from being read */
export function compiledDatabase(): Promise<CompiledModule> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined
    throw error
  })
  return compiled
}

async function compile(): Promise<CompiledModule> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return webAssembly.compile(await readFile(join(dirname(main), 'pglite.wasm')))
}
