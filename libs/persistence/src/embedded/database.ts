import { HoldfastError } from '@holdfast/errors'
import { resolve } from 'node:path'
import { DatabaseThread, ThreadDied } from './database-thread.js'
import { FolderLock } from './folder-lock.js'
import { damaged, diskError, inspectFolder, makeFolder } from './folder.js'
import { Session } from './session.js'

const reviveIntervalMs = 1_000

/** The database of a folder that this process owns. When its thread dies (a full disk, a bug), the next caller starts it
 *  again: PostgreSQL's recovery then brings back all that was committed. */
export class EmbeddedDatabase {
  readonly #folder: string
  #lock: FolderLock | undefined
  #thread: DatabaseThread | undefined
  #session: Session | undefined
  #reviving: Promise<Session> | undefined
  #lastFailure: { readonly error: unknown; readonly at: number } | undefined
  #gone: HoldfastError | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async open(path: string): Promise<EmbeddedDatabase> {
    const folder = resolve(path)
    makeFolder(folder)
    const database = new EmbeddedDatabase(folder)
    try {
      database.#lock = await FolderLock.take(folder, () => database.#lose())
    } catch (error) {
      throw diskError(folder, error)
    }
    try {
      await database.#start()
    } catch (error) {
      database.#lock.release()
      throw error
    }
    return database
  }

  /** `undefined`: it has to be revived first. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Starts a dead database again. @throws UNAVAILABLE, or what keeps it from starting */
  async revive(): Promise<Session> {
    if (this.#gone !== undefined) throw this.#gone
    if (this.#session !== undefined) return this.#session
    const last = this.#lastFailure
    if (last !== undefined && Date.now() - last.at < reviveIntervalMs) throw last.error
    this.#reviving ??= this.#start()
      .catch((error: unknown) => {
        this.#lastFailure = { error, at: Date.now() }
        throw error
      })
      .finally(() => {
        this.#reviving = undefined
      })
    return this.#reviving
  }

  async close(): Promise<void> {
    this.#gone = closed()
    await this.#reviving?.catch(() => {})
    this.#session = undefined
    await this.#thread?.close()
    this.#lock?.release()
  }

  async #start(): Promise<Session> {
    // The old one must not write any more when the new one begins.
    await this.#thread?.terminate()
    const isNew = inspectFolder(this.#folder) === 'new'
    try {
      this.#thread = await DatabaseThread.start({ folder: this.#folder, isNew }, () => {
        this.#session = undefined
      })
    } catch (error) {
      throw startError(this.#folder, error)
    }
    const session = new Session(this.#thread)
    this.#session = session
    return session
  }

  #lose(): void {
    this.#gone = new HoldfastError(
      'FAILED_PRECONDITION',
      `Another process took over the data folder ${this.#folder} while this one was stopped: restart this one`,
      { reason: 'FOLDER_LOST' },
    )
    void this.#thread?.terminate()
  }
}

export function closed(): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', 'The store is closed: open another one', { reason: 'STORE_CLOSED' })
}

/** Why PGlite did not start, from the last words of PostgreSQL. */
function startError(folder: string, error: unknown): unknown {
  if (!(error instanceof ThreadDied)) return diskError(folder, error)
  const words = [...error.log, error.message]
  const last = (pattern: RegExp): string | undefined =>
    words.findLast((line) => pattern.test(line))?.replace(/^.*?: +/, '')
  const problem = last(/ (FATAL|PANIC):/) ?? words.at(-2) ?? error.message
  if (/No space left|ENOSPC/.test(words.join('\n'))) {
    return diskError(folder, Object.assign(new Error(problem, { cause: error }), { code: 'ENOSPC' }))
  }
  if (/Permission denied|EACCES/.test(words.join('\n'))) {
    return diskError(folder, Object.assign(new Error(problem, { cause: error }), { code: 'EACCES' }))
  }
  const version = last(/initialized by PostgreSQL version/)
  if (version !== undefined) {
    return new HoldfastError(
      'FAILED_PRECONDITION',
      `The database in ${folder} was made by another version (${version}): use the version of Holdfast that made it to export it`,
      { reason: 'OTHER_VERSION', cause: error },
    )
  }
  return damaged(folder, problem, error)
}
