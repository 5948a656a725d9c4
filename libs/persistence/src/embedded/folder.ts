import { HoldfastError } from '@holdfast/errors'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

/** The data folder: `pg/` is PGlite's, `owner.json` the lock, and `initialising` is there while `pg/` is being made for the first
 *  time, so that one that was not finished is known for what it is. */
export function databaseFolder(folder: string): string {
  return join(folder, 'pg')
}

function marker(folder: string): string {
  return join(folder, 'initialising')
}

/** Makes the folder if it is not there. @throws FAILED_PRECONDITION, PERMISSION_DENIED, RESOURCE_EXHAUSTED */
export function makeFolder(folder: string): void {
  onDisk(folder, () => {
    const stat = statSync(folder, { throwIfNoEntry: false })
    if (stat === undefined) mkdirSync(folder, { recursive: true })
    else if (!stat.isDirectory()) {
      throw new HoldfastError('FAILED_PRECONDITION', `${folder} is a file and not a data folder: name a folder`, {
        reason: 'NOT_A_DATA_FOLDER',
      })
    }
    if (!existsSync(databaseFolder(folder)) && !existsSync(marker(folder))) {
      const strange = readdirSync(folder).filter((name) => !name.startsWith('owner.json'))
      if (strange.length > 0) {
        throw new HoldfastError(
          'FAILED_PRECONDITION',
          `${folder} is not a data folder and not empty (it holds ${strange.slice(0, 3).join(', ')}): name an empty or a new folder`,
          { reason: 'NOT_A_DATA_FOLDER' },
        )
      }
    }
  })
}

/** What is there: a database, or nothing yet (then what an unfinished initialisation left is removed). For the owner of
 *  the folder's lock only. @throws DATA_LOSS if it is damaged */
export function inspectFolder(folder: string): 'new' | 'existing' {
  return onDisk(folder, () => {
    const database = databaseFolder(folder)
    if (existsSync(marker(folder))) rmSync(database, { recursive: true, force: true })
    if (!existsSync(database) || isEmptyFolder(database)) {
      writeFileSync(
        marker(folder),
        'The database in pg/ is being made; if this file stays, it was interrupted and is made anew.\n',
      )
      sync(marker(folder))
      sync(folder)
      mkdirSync(database, { recursive: true, mode: 0o700 })
      return 'new'
    }
    const problem = damage(database)
    if (problem !== undefined) throw damaged(folder, problem)
    return 'existing'
  })
}

/** Everything below `pg/` reaches the disk before the marker goes. */
export async function finishInitialisation(folder: string): Promise<void> {
  await syncAll(databaseFolder(folder))
  onDisk(folder, () => {
    sync(folder)
    rmSync(marker(folder))
    sync(folder)
  })
}

export function damaged(folder: string, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'DATA_LOSS',
    `The database in ${folder} is damaged (${problem}): nothing was changed; keep a copy of the folder and restore a backup, or use another folder`,
    { reason: 'FOLDER_DAMAGED', metadata: { folder }, ...(cause === undefined ? {} : { cause }) },
  )
}

/** What PostgreSQL would not find out by itself, or only by making a new database over the old one. */
function damage(database: string): string | undefined {
  if (!statSync(database).isDirectory()) return 'pg is not a folder'
  const version = readIfThere(join(database, 'PG_VERSION'))
  if (version === undefined) return 'pg/PG_VERSION is missing'
  if (!/^\d+\n?$/.test(version)) return 'pg/PG_VERSION is not a version'
  const control = statSync(join(database, 'global', 'pg_control'), { throwIfNoEntry: false })
  if (control === undefined) return 'pg/global/pg_control is missing'
  return control.size < controlFileBytes ? 'pg/global/pg_control is cut short' : undefined
}

function isEmptyFolder(path: string): boolean {
  return statSync(path).isDirectory() && readdirSync(path).length === 0
}

/** PG_CONTROL_FILE_SIZE in src/include/catalog/pg_control.h */
const controlFileBytes = 8192

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** Several at a time, because the file system then commits them together: measured for the 997 files and folders of a new
 *  database on a busy disk, 0.4 s against 2.5 s one after the other. */
async function syncAll(folder: string): Promise<void> {
  const paths = [
    folder,
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ]
  const syncNext = async (): Promise<void> => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      const file = await open(path)
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    }
  }
  await Promise.all(Array.from({ length: 16 }, syncNext))
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Runs something that touches the folder, and says what its failure means.
 *  @throws PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION */
export function onDisk<R>(folder: string, work: () => R): R {
  try {
    return work()
  } catch (error) {
    throw diskError(folder, error)
  }
}

export function diskError(folder: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      return new HoldfastError(
        'PERMISSION_DENIED',
        `The data folder ${folder} cannot be written (${code}): grant this user the right, or name another folder`,
        {
          cause: error,
          reason: 'FOLDER_NOT_WRITABLE',
        },
      )
    }
    case 'ENOSPC':
    case 'EDQUOT': {
      return new HoldfastError(
        'RESOURCE_EXHAUSTED',
        `The disk of the data folder ${folder} is full: free space and try again`,
        {
          cause: error,
          reason: 'DISK_FULL',
        },
      )
    }
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'EEXIST': {
      return new HoldfastError('FAILED_PRECONDITION', `${folder} cannot be a data folder (${code}): name another one`, {
        cause: error,
        reason: 'NOT_A_DATA_FOLDER',
      })
    }
    default: {
      return error
    }
  }
}
