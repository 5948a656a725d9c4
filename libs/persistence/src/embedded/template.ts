import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'

/** A new database is a copy of one that was made when this package was built (make-template.ts), where there is one: initdb takes
 *  3 s of processor time in WebAssembly, unpacking 0.3 s. Measured on 2 quiet cores, first open of a new folder:
 *  2.9 s by initdb, 1.2 s from the template. */
export function templateFile(): string {
  return fileURLToPath(new URL(`template-${pgliteVersion()}.gz`, import.meta.url))
}

/** @returns `false`: there is no template */
export function unpackTemplate(folder: string, file: string = templateFile()): boolean {
  if (!existsSync(file)) return false
  const bytes = gunzipSync(readFileSync(file))
  const indexBytes = bytes.readUInt32BE(0)
  const index = JSON.parse(bytes.toString('utf8', 4, 4 + indexBytes)) as Index
  for (const name of index.folders) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  let at = 4 + indexBytes
  for (const [name, sizeBytes] of index.files) {
    writeFileSync(join(folder, name), bytes.subarray(at, at + sizeBytes), { mode: 0o600 })
    at += sizeBytes
  }
  return true
}

/** Length of the index in four bytes, the index as JSON, and the files in its order; all compressed. */
export function packTemplate(folder: string): Buffer {
  const folders: string[] = []
  const files: [string, number][] = []
  const contents: Buffer[] = []
  const visit = (path: string): void => {
    const entries = readdirSync(join(folder, path), { withFileTypes: true })
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = join(path, entry.name)
      if (entry.isDirectory()) {
        folders.push(name)
        visit(name)
      } else {
        const content = readFileSync(join(folder, name))
        files.push([name, content.length])
        contents.push(content)
      }
    }
  }
  visit('.')
  const index = Buffer.from(JSON.stringify({ folders, files } satisfies Index))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(index.length)
  return gzipSync(Buffer.concat([length, index, ...contents]))
}

interface Index {
  readonly folders: readonly string[]
  readonly files: readonly (readonly [name: string, sizeBytes: number])[]
}

export function pgliteVersion(): string {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const { version } = JSON.parse(readFileSync(join(dirname(main), '..', 'package.json'), 'utf8')) as { version: string }
  return version
}
