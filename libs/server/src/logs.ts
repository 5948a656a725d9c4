import { type DestinationStream, type Logger, destination as fileDestination, pino, stdSerializers } from 'pino'
import { HoldfastError } from '@holdfast/errors'
import { credentialRemover, secretRemover } from './masking.js'
import { textLines } from './text-lines.js'
import { activeTrace } from './traces/served-span.js'

export type { Logger } from 'pino'

export interface LoggerOptions {
  /** Default `info`. */
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** Default `auto`: `text` if standard error is a terminal, else `json`. */
  readonly format?: 'auto' | 'json' | 'text'
  /** Texts that are replaced by *** wherever they occur in a line (LoadedConfig.secrets). */
  readonly secrets?: readonly string[]
  /** Default: standard error, written synchronously, so that the last lines before a crash are not lost. */
  readonly destination?: DestinationStream
}

const secretKeys = ['apiKey', 'password', 'token', 'authorization', 'connectionString']

/** Structured logs, one JSON object a line; with `trace_id` and `span_id` where a span is active. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', format = 'auto', secrets = [] } = options
  const isText = format === 'text' || (format === 'auto' && options.destination === undefined && process.stderr.isTTY)
  const out = options.destination ?? standardError()
  const removeKnown = secrets.length > 0 ? secretRemover(secrets) : (line: string) => line
  const removeSecrets = (line: string): string => credentialRemover(removeKnown(line))
  return pino(
    {
      level,
      base: null,
      mixin: activeTrace,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '***' },
      serializers: { err: serializeError, error: serializeError },
      hooks: { streamWrite: removeSecrets },
    },
    isText ? textLines(out) : out,
  )
}

function standardError(): DestinationStream {
  const out = fileDestination({ dest: 2, sync: true })
  // A reader of our log that goes away (EPIPE) must not take the service with it.
  out.on('error', () => {})
  return out
}

/** With the causes, and with what a HoldfastError says beyond its text. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const serialized = stdSerializers.errWithCause(error)
  if (!(error instanceof HoldfastError)) return serialized
  const { code, reason, metadata, fields } = error
  return { ...serialized, code, reason, metadata, fields }
}
