import { Metadata } from '@grpc/grpc-js'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { Channels } from './channels.js'
import type { ClientsOptions, TokenSource } from './options.js'

/** What all calls of one client share: channels, limits, and the end of it all. */
export class Connection {
  readonly channels: Channels
  readonly deadlineMs: number
  readonly streamDeadlineMs: number
  readonly reconnectMs: number
  readonly maxAttempts: number
  readonly #options: ClientsOptions
  readonly #token: TokenSource | undefined
  readonly #calls = new Set<AbortController>()
  readonly #ownsChannels: boolean
  #closed = false

  /** @param channels of another connection, which closes them; default: its own */
  constructor(options: ClientsOptions, channels?: Channels) {
    this.#options = options
    this.#token = options.token
    this.#ownsChannels = channels === undefined
    this.deadlineMs = positive('deadlineMs', options.deadlineMs ?? 30_000)
    this.streamDeadlineMs = positive('streamDeadlineMs', options.streamDeadlineMs ?? 900_000)
    this.reconnectMs = positive('reconnectMs', options.reconnectMs ?? 60_000)
    this.maxAttempts = positive('maxAttempts', options.maxAttempts ?? 8)
    positive('keepAliveMs', options.keepAliveMs ?? 1)
    positive('maxResponseBytes', options.maxResponseBytes ?? 1)
    this.channels = channels ?? new Channels(options)
  }

  /** Over the same channels, with another token. */
  withToken(token: TokenSource): Connection {
    if (this.#closed) throw closedError()
    this.channels.refuseInPlainText(token, this.#options.tls)
    return new Connection({ ...this.#options, token }, this.channels)
  }

  metadata(): Metadata {
    const metadata = new Metadata()
    const token = typeof this.#token === 'function' ? this.#token() : this.#token
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    return metadata
  }

  /** The life of one call: its signal aborts when the caller's does and when the client is closed. */
  begin(callers: AbortSignal | undefined): Disposable & { readonly signal: AbortSignal } {
    if (this.#closed) throw closedError()
    const control = new AbortController()
    const abort = () => control.abort(callers?.reason)
    if (callers?.aborted === true) abort()
    callers?.addEventListener('abort', abort, { once: true })
    this.#calls.add(control)
    return {
      signal: control.signal,
      [Symbol.dispose]: () => {
        callers?.removeEventListener('abort', abort)
        this.#calls.delete(control)
      },
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const control of this.#calls) control.abort(closedError())
    if (this.#ownsChannels) this.channels.close()
  }
}

function closedError(): HoldfastError {
  return new HoldfastError('CANCELLED', 'The client was closed: create a new one', { reason: 'CLIENT_CLOSED' })
}

function positive(name: string, value: number): number {
  if (!(value > 0)) throw invalidField(name, `must be greater than 0, not ${value}`)
  return value
}
