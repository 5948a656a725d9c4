import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type CompiledModule, compiledDatabase } from './compiled-database.js'

export interface ThreadSettings {
  /** The data folder, which holds `pg/`. */
  readonly folder: string
  readonly isNew: boolean
}

/** What the thread begins with. */
export interface ThreadData extends ThreadSettings {
  readonly compiled: CompiledModule
}

export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answers'; readonly answers: readonly Uint8Array[] }
  | { readonly kind: 'failed'; readonly error: Error; readonly log: readonly string[] }

/** The database in the thread is gone. What it was sent and did not answer may or may not have happened. */
export class ThreadDied extends Error {
  /** The last words of the server. */
  readonly log: readonly string[]
  readonly sent: boolean

  constructor(message: string, options: { log?: readonly string[]; cause?: unknown; sent?: boolean } = {}) {
    super(message, { cause: options.cause })
    this.log = options.log ?? []
    this.sent = options.sent ?? true
  }
}

interface Pending {
  readonly settle: (answer: Uint8Array | ThreadDied) => void
  readonly timeoutMs: number
}

/** PGlite in a thread of its own: messages go in, answers come back in the same order. */
export class DatabaseThread {
  readonly #worker: Worker
  readonly #pending: Pending[] = []
  #timer: NodeJS.Timeout | undefined
  #death: ThreadDied | undefined
  readonly #onDeath: (death: ThreadDied) => void

  private constructor(worker: Worker, onDeath: (death: ThreadDied) => void) {
    this.#worker = worker
    this.#onDeath = onDeath
    worker.on('message', (message: ThreadMessage) => this.#receive(message))
    worker.on('error', (error) => this.#die(new ThreadDied(`its thread failed: ${error.message}`, { cause: error })))
    worker.on('exit', () => this.#die(new ThreadDied('its thread ended')))
    worker.unref()
  }

  /** @param onDeath called once, also when the thread ends because of `close`
   *  @throws ThreadDied when the database does not start */
  static async start(settings: ThreadSettings, onDeath: (death: ThreadDied) => void): Promise<DatabaseThread> {
    const compiled = await compiledDatabase()
    const worker = new Worker(new URL('worker.js', import.meta.url), {
      workerData: { ...settings, compiled } satisfies ThreadData,
      name: 'holdfast-database',
    })
    const message = await firstMessage(worker)
    if (message.kind === 'failed') {
      await worker.terminate()
      throw new ThreadDied(message.error.message, { log: message.log, cause: message.error })
    }
    return new DatabaseThread(worker, onDeath)
  }

  /** @param timeoutMs how long the thread may take for it once it comes to it; then the thread is ended */
  send(message: Uint8Array<ArrayBuffer>, timeoutMs: number, settle: Pending['settle']): void {
    if (this.#death !== undefined) {
      settle(new ThreadDied(this.#death.message, { cause: this.#death, sent: false }))
      return
    }
    if (this.#pending.push({ settle, timeoutMs }) === 1) {
      this.#worker.ref()
      this.#watchFirst()
    }
    this.#worker.postMessage(message, [message.buffer])
  }

  /** Shuts the database down after what was sent. */
  async close(): Promise<void> {
    if (this.#death !== undefined) return
    const exit = once(this.#worker, 'exit')
    this.#worker.ref()
    this.#worker.postMessage('close', [])
    const lastResort = setTimeout(() => void this.#worker.terminate(), 30_000)
    await exit
    clearTimeout(lastResort)
  }

  async terminate(): Promise<void> {
    this.#die(new ThreadDied('it was ended'))
    await this.#worker.terminate()
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'failed') {
      this.#die(new ThreadDied(message.error.message, { log: message.log, cause: message.error }))
    } else if (message.kind === 'answers') {
      const answered = this.#pending.splice(0, message.answers.length)
      if (this.#pending.length === 0) {
        clearTimeout(this.#timer)
        this.#worker.unref()
      } else {
        this.#watchFirst()
      }
      for (const [i, bytes] of message.answers.entries()) answered[i]?.settle(bytes)
    }
  }

  #watchFirst(): void {
    clearTimeout(this.#timer)
    const timeoutMs = this.#pending[0]?.timeoutMs
    if (timeoutMs === undefined) return
    this.#timer = setTimeout(() => this.#die(new ThreadDied(`it did not answer within ${timeoutMs} ms`)), timeoutMs)
  }

  #die(death: ThreadDied): void {
    if (this.#death !== undefined) return
    this.#death = death
    clearTimeout(this.#timer)
    void this.#worker.terminate()
    this.#onDeath(death)
    for (const { settle } of this.#pending.splice(0)) settle(death)
  }
}

function firstMessage(worker: Worker): Promise<ThreadMessage> {
  return new Promise((resolve) => {
    const settle = (message: ThreadMessage): void => {
      worker.off('message', settle).off('error', onError).off('exit', onExit)
      resolve(message)
    }
    const onError = (error: Error): void => settle({ kind: 'failed', error, log: [] })
    const onExit = (code: number): void => onError(new Error(`its thread ended with ${code}`))
    worker.on('message', settle).on('error', onError).on('exit', onExit)
  })
}
