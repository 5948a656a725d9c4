import type { Buffer } from 'node:buffer'

export interface ClientsOptions {
  /** `host:port`, several of them as an array or separated by commas, or any target that gRPC knows (`dns:///name:port`,
   *  `unix:path`). Calls go round all addresses that answer. `chat=host:port` is for one service only, which then is called at no other:
   *  chat, artifacts, speech-to-text, text-to-speech, vision, image-generation, dag. */
  readonly address: string | readonly string[]
  /** Default `false`: plain text, for loopback and behind a proxy. `true`: TLS with the system's roots. */
  readonly tls?: boolean | TlsOptions
  /** Sent as `authorization: Bearer …`. Only over TLS or to a loopback address. A function is asked for each attempt, so that a token can be renewed. */
  readonly token?: TokenSource
  /** Time for a call in milliseconds, retries and waiting included; default 30,000. */
  readonly deadlineMs?: number
  /** How often a call is tried before its UNAVAILABLE reaches the caller; default 8, which takes about 5 s. The deadline
   *  ends it earlier. */
  readonly maxAttempts?: number
  /** For how long a stream that was cut tries to come back, counted from its last event, in milliseconds; default 60,000. */
  readonly reconnectMs?: number
  /** Time for a streamed reply as a whole in milliseconds, all reconnecting included; default 900,000. */
  readonly streamDeadlineMs?: number
  /** Bytes of the largest response; default 20 MiB, as the server's limit for requests. */
  readonly maxResponseBytes?: number
  /** Milliseconds of silence after which a connection with calls under way is probed; default 20,000. */
  readonly keepAliveMs?: number
}

/** An API key or a token, or who has it. */
export type TokenSource = string | (() => string)

export interface TlsOptions {
  /** Trusted roots in PEM; default: the system's. */
  readonly ca?: Buffer | string
  /** The client's own certificate chain and key in PEM, for servers that ask for one. */
  readonly certificate?: Buffer | string
  readonly key?: Buffer | string
  /** The name to verify in the server's certificate; default: the host of each address. */
  readonly serverName?: string
}

export interface CallOptions {
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal
  /** Instead of the client's own `deadlineMs` (for streams: `streamDeadlineMs`). */
  readonly deadlineMs?: number
}
