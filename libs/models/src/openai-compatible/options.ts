import { invalidField } from '@holdfast/errors'
import { validateHeaderName, validateHeaderValue } from 'node:http'

export interface OpenAiCompatibleOptions {
  /** Where `/chat/completions` is found below: `http://127.0.0.1:11434/v1`. Without credentials, query or fragment. */
  readonly baseUrl: string
  /** Sent as a bearer token; default: none, as local servers want it. */
  readonly apiKey?: string
  /** The model's name at the endpoint. */
  readonly model: string
  /** Until the connection stands, TLS included; default 10,000. */
  readonly connectTimeoutMs?: number
  /** From a request (of each attempt) to its first token; default 120,000, since local servers load the model first. */
  readonly firstTokenTimeoutMs?: number
  /** Between two pieces of an answer, not counting the time that the caller takes; default 60,000. */
  readonly idleTimeoutMs?: number
  /** For the whole answer, retries included; default 600,000. */
  readonly totalTimeoutMs?: number
  /** How often a request that failed before its first token is sent again; default 2. */
  readonly maxRetries?: number
  /** The wait before the first retry, doubled with each, less a random part; a `Retry-After` goes before it. Default 500. */
  readonly retryDelayMs?: number
  /** Sent with every request; treated as secrets in errors. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Settings extends Required<Omit<OpenAiCompatibleOptions, 'apiKey' | 'baseUrl'>> {
  readonly baseUrl: URL
  readonly apiKey: string | undefined
}

// setTimeout fires at once for anything above.
const maxTimerMs = 2 ** 31 - 1

export function settingsFrom(options: OpenAiCompatibleOptions): Settings {
  if (options.model === '') throw invalidField('model', 'is empty: name the model as its endpoint does')
  return {
    baseUrl: parseBaseUrl(options.baseUrl),
    apiKey: parseApiKey(options.apiKey),
    model: options.model,
    connectTimeoutMs: milliseconds('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    firstTokenTimeoutMs: milliseconds('firstTokenTimeoutMs', options.firstTokenTimeoutMs ?? 120_000),
    idleTimeoutMs: milliseconds('idleTimeoutMs', options.idleTimeoutMs ?? 60_000),
    totalTimeoutMs: milliseconds('totalTimeoutMs', options.totalTimeoutMs ?? 600_000),
    maxRetries: retries(options.maxRetries ?? 2),
    retryDelayMs: milliseconds('retryDelayMs', options.retryDelayMs ?? 500),
    headers: parseHeaders(options.headers ?? {}),
  }
}

/** The messages never show the value: a URL may carry a password. */
function parseBaseUrl(text: string): URL {
  if (!URL.canParse(text)) throw invalidField('baseUrl', 'is not a URL: give one such as http://127.0.0.1:11434/v1')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalidField('baseUrl', 'must be http: or https:')
  if (url.username !== '' || url.password !== '') {
    throw invalidField('baseUrl', 'carries credentials: pass them as apiKey or in headers')
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalidField('baseUrl', 'has a query or a fragment: give the address that /chat/completions stands below')
  }
  return url
}

function parseApiKey(key: string | undefined): string | undefined {
  if (key === undefined || key === '') return undefined
  // A key read from a file often ends in a line break, and Node's error about such a header would show the key.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw invalidField('apiKey', 'has characters that no key has: look for a line break or a space')
  }
  return key
}

function parseHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      // Node's own error is not kept as the cause: a later version may show the value.
      throw invalidField(
        `headers.${name}`,
        'cannot be sent: look for a line break or another character that HTTP forbids',
      )
    }
  }
  return { ...headers }
}

function milliseconds(field: string, value: number): number {
  if (Number.isInteger(value) && value > 0 && value <= maxTimerMs) return value
  throw invalidField(field, `must be a whole number of milliseconds from 1 to ${maxTimerMs}, not ${value}`)
}

function retries(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 10) return value
  throw invalidField('maxRetries', `must be a whole number from 0 to 10, not ${value}`)
}
