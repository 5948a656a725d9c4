import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { packTemplate, templateFile } from './template.js'

/** Run by the build: `node make-template.js FOLDER`. The same version of PGlite makes the same bytes. */
const folder = process.argv[2]
if (folder === undefined) throw new Error('Usage: make-template.js FOLDER')
const file = join(folder, basename(templateFile()))
if (!existsSync(file)) {
  stopTimeAndChance()
  const { PGlite } = await import('@electric-sql/pglite')
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-template-'))
  try {
    const database = await PGlite.create(join(scratch, 'pg'))
    await database.close()
    const unfinished = `${file}.${process.pid}`
    mkdirSync(folder, { recursive: true })
    writeFileSync(unfinished, packTemplate(join(scratch, 'pg')))
    renameSync(unfinished, file)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** initdb writes the time and random numbers into a database: its identifier, and what it would answer to the password of a user that
 *  is not there. All copies share them anyway, and nothing of it is a secret in a database that has no users and no network. */
function stopTimeAndChance(): void {
  const at = Date.UTC(2026, 0, 1)
  Date.now = () => at
  let next = 0
  const fill = <T extends ArrayBufferView>(view: T): T => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    bytes.forEach((_, index) => (bytes[index] = next = (next + 7) & 255))
    return view
  }
  const crypto = createRequire(import.meta.url)('node:crypto') as { randomFillSync: typeof fill }
  crypto.randomFillSync = fill
  syncBuiltinESMExports()
}
