import { PGlite } from '@electric-sql/pglite'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packTemplate, templateFile } from './template.js'

/** Run once by the build, after the compiler: `node dist/embedded/make-template.js`. */
if (!existsSync(templateFile())) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-template-'))
  try {
    const database = await PGlite.create(join(folder, 'pg'))
    await database.close()
    const unfinished = `${templateFile()}.${process.pid}`
    writeFileSync(unfinished, packTemplate(join(folder, 'pg')))
    renameSync(unfinished, templateFile())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
