import { readFile } from 'node:fs/promises'
import { type SecureContextOptions, createSecureContext } from 'node:tls'
import { ServerCredentials } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import type { Logger } from '../logs.js'

/** Paths of PEM files. */
export interface TlsFilesOptions {
  /** The server's certificate, with those between it and its root. */
  readonly certificate: string
  readonly key: string
  /** Mutual TLS: only clients whose certificate one of these roots signed get a connection. */
  readonly clientCa?: string | undefined
  /** How often the files are looked at, in milliseconds; default 5,000. */
  readonly intervalMs?: number
  readonly logger?: Logger
}

/** Certificate and key from files, read again when they have changed. New connections get the new ones, those that stand keep theirs: no call notices.
 *  The files are read rather than watched, since orchestrators renew them behind symbolic links. */
export class TlsFiles implements Disposable {
  readonly #options: TlsFilesOptions
  readonly #listeners = new Set<(context: SecureContextOptions) => void>()
  #context: SecureContextOptions
  #timer: NodeJS.Timeout
  #isClosed = false

  private constructor(options: TlsFilesOptions, context: SecureContextOptions) {
    this.#options = options
    this.#context = context
    this.#timer = this.#later()
  }

  /** @throws FAILED_PRECONDITION if a file cannot be read, or they do not belong together */
  static async open(options: TlsFilesOptions): Promise<TlsFiles> {
    return new TlsFiles(options, await readContext(options))
  }

  get context(): SecureContextOptions {
    return this.#context
  }

  get asksForClientCertificates(): boolean {
    return this.#options.clientCa !== undefined
  }

  /** @returns ends it */
  onRenewal(listener: (context: SecureContextOptions) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads the files now. What does not belong together, as in the middle of a renewal, changes nothing. */
  async renew(): Promise<void> {
    let context: SecureContextOptions
    try {
      context = await readContext(this.#options)
    } catch (err) {
      this.#options.logger?.warn({ err }, 'The renewed TLS files cannot be used: those before stay in force')
      return
    }
    if (this.#isClosed || isSame(context, this.#context)) return
    this.#context = context
    for (const listener of this.#listeners) listener(context)
    this.#options.logger?.info({ certificate: this.#options.certificate }, 'The TLS files were renewed')
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #later(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      void this.renew().finally(() => {
        if (!this.#isClosed) this.#timer = this.#later()
      })
    }, this.#options.intervalMs ?? 5_000)
    return timer.unref()
  }
}

/** What grpc-js makes a server of; its own `createSsl` keeps the files that it began with. */
export class RenewedCredentials extends ServerCredentials implements Disposable {
  readonly #stop: () => void

  constructor(files: TlsFiles) {
    super({ requestCert: files.asksForClientCertificates }, files.context)
    this.#stop = files.onRenewal((context) => this.updateSecureContextOptions(context))
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this
  }

  [Symbol.dispose](): void {
    this.#stop()
  }
}

async function readContext({ certificate, key, clientCa }: TlsFilesOptions): Promise<SecureContextOptions> {
  const [cert, privateKey, ca] = await Promise.all([
    read(certificate, 'tls.certificate'),
    read(key, 'tls.key'),
    clientCa === undefined ? undefined : read(clientCa, 'tls.clientCa'),
  ])
  const context = { cert, key: privateKey, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) } as const
  try {
    createSecureContext(context)
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `tls.certificate (${certificate}) and tls.key (${key}) cannot be used together: ${text}`,
      { cause, reason: 'TLS_FILES_WRONG' },
    )
  }
  return context
}

async function read(path: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const problem = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `${setting} cannot be read from ${path} (${problem}): check the path and its permissions`,
      { cause, reason: 'TLS_FILES_UNREADABLE' },
    )
  }
}

function isSame(one: SecureContextOptions, other: SecureContextOptions): boolean {
  return (['cert', 'key', 'ca'] as const).every((part) => {
    const [a, b] = [one[part] as Buffer | undefined, other[part] as Buffer | undefined]
    return a === b || (a !== undefined && b !== undefined && a.equals(b))
  })
}
