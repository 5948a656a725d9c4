import { lookup as lookUp } from 'node:dns'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, type LookupFunction, isIP } from 'node:net'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Json, JsonObject } from '../graph/graph.js'
import { asText } from '../graph/expression.js'
import { textOf } from '../graph/port-values.js'
import type { NodeExecutor } from './node-executor.js'

export interface HttpOptions {
  /** Hosts that may be asked: `api.example.org`, `*.example.org`, `localhost:8080`. Default: none. A host that is named with its port may have a
   *  private address; any other must not. */
  readonly hosts: readonly string[]
  /** Of a request, in milliseconds; default 30,000. */
  readonly timeoutMs?: number
  /** Of an answer; default 1 MiB. */
  readonly maxBytes?: number
}

const maxRedirects = 5
const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])

/** Not of the public internet (IANA's special-purpose registries): loopback, private, link-local, shared, multicast and reserved addresses. */
const special = new BlockList()
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(address, prefix, 'ipv4')
}
for (const [address, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['2002::', 16],
] as const) {
  special.addSubnet(address, prefix, 'ipv6')
}

/** Asks hosts that are allowed, each redirect included. The address that a name has is looked at when the connection is made, so that a name
 *  cannot change between the look and the connection. The key goes along as `Idempotency-Key`. */
export function httpExecutor({ hosts, timeoutMs = 30_000, maxBytes = 1024 * 1024 }: HttpOptions): NodeExecutor {
  return async ({ input, key, signal }) => {
    const method = typeof input['method'] === 'string' ? input['method'] : 'GET'
    if (!methods.has(method)) throw invalidField('method', `must be one of ${[...methods].join(', ')}`)
    let url = parsed(textOf(input, 'url', ''))
    const { text, headers } = bodyOf(input)
    let asked: { method: string; body: string | undefined } = { method, body: text }
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    for (let redirects = 0; ; redirects += 1) {
      const allowed = allowance(url, hosts)
      const answer = await ask(url, {
        ...asked,
        headers: { ...headers, 'idempotency-key': key },
        signal: within,
        allowed,
        maxBytes,
      })
      const { location } = answer.headers
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return outputsOf(answer)
      if (redirects >= maxRedirects)
        throw new HoldfastError('FAILED_PRECONDITION', `${url.host} redirects more than ${maxRedirects} times`)
      const next = parsed(new URL(location, url).href)
      // What was meant for one host is not told to another.
      if (next.host !== url.host) for (const name of ['authorization', 'cookie']) delete headers[name]
      if (answer.status <= 303 && asked.method !== 'HEAD') asked = { method: 'GET', body: undefined }
      url = next
    }
  }
}

function parsed(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw invalidField('url', 'must be a URL', { cause })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw invalidField('url', 'must begin with http:// or https://')
  if (url.username !== '' || url.password !== '') throw invalidField('url', 'must not hold a password: use headers')
  return url
}

/** @throws PERMISSION_DENIED (HOST_NOT_ALLOWED) */
function allowance(url: URL, hosts: readonly string[]): 'any address' | 'public addresses' {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  if (hosts.includes(`${url.hostname}:${port}`)) return 'any address'
  const isAllowed = hosts.some((host) =>
    host.startsWith('*.') ? url.hostname.endsWith(host.slice(1)) : host === url.hostname,
  )
  if (isAllowed) return 'public addresses'
  throw new HoldfastError(
    'PERMISSION_DENIED',
    `The host ${url.host} is not one of those that graphs may ask: allow it in the configuration`,
    { reason: 'HOST_NOT_ALLOWED' },
  )
}

function bodyOf(input: JsonObject): {
  readonly text: string | undefined
  readonly headers: { [name: string]: string }
} {
  const headers: { [name: string]: string } = {}
  for (const [name, value] of Object.entries((input['headers'] ?? {}) as JsonObject))
    headers[name.toLowerCase()] = asText(value)
  const { body } = input
  if (body === undefined || body === null) return { text: undefined, headers }
  if (typeof body === 'string') return { text: body, headers }
  headers['content-type'] ??= 'application/json'
  return { text: JSON.stringify(body), headers }
}

interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: Buffer
}

interface Asked {
  readonly method: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string | undefined
  readonly signal: AbortSignal
  readonly allowed: 'any address' | 'public addresses'
  readonly maxBytes: number
}

async function ask(url: URL, { method, headers, body, signal, allowed, maxBytes }: Asked): Promise<Answer> {
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (allowed === 'public addresses' && isIP(literal) !== 0) refuseSpecial(url.host, literal)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const lookup = allowed === 'any address' ? {} : { lookup: publicLookup }
      const sent = send(url, { method, headers, signal, ...lookup }, resolve)
      sent.on('error', reject)
      sent.end(body)
    })
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) {
        response.destroy()
        throw new HoldfastError('OUT_OF_RANGE', `${url.host} answers with more than ${maxBytes} bytes`, {
          reason: 'ANSWER_TOO_LARGE',
        })
      }
      chunks.push(chunk)
    }
    const kept = Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ])
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(kept) as Answer['headers'],
      body: Buffer.concat(chunks),
    }
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    if (signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError') {
      throw new HoldfastError('DEADLINE_EXCEEDED', `${url.host} did not answer in time`, { cause: error })
    }
    const { cause = error } = error as { readonly cause?: unknown }
    if (cause instanceof HoldfastError) throw cause
    throw new HoldfastError('UNAVAILABLE', `${url.host} cannot be asked: ${(error as Error).message}`, { cause: error })
  }
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '')
    try {
      for (const { address } of addresses) refuseSpecial(hostname, address)
    } catch (refused) {
      return callback(refused as NodeJS.ErrnoException, '')
    }
    if (options.all === true) return callback(null, addresses)
    const [first] = addresses
    return callback(null, first?.address ?? '', first?.family ?? 4)
  })
}

/** @throws PERMISSION_DENIED (PRIVATE_ADDRESS) */
function refuseSpecial(host: string, address: string): void {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  if (!special.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')) return
  throw new HoldfastError(
    'PERMISSION_DENIED',
    `${host} has the address ${address}, which is not of the public internet: allow it with its port, if that is meant`,
    { reason: 'PRIVATE_ADDRESS' },
  )
}

/** @throws UNAVAILABLE, RESOURCE_EXHAUSTED, FAILED_PRECONDITION for answers that say that it went wrong */
function outputsOf({ status, headers, body }: Answer): { status: number; headers: Json; body: Json } {
  if (status >= 500)
    throw new HoldfastError('UNAVAILABLE', `The answer was ${status}`, {
      reason: 'HTTP_STATUS',
      metadata: { status: String(status) },
    })
  if (status === 429)
    throw new HoldfastError('RESOURCE_EXHAUSTED', 'The answer was 429', {
      reason: 'HTTP_STATUS',
      metadata: { status: '429' },
    })
  if (status >= 400)
    throw new HoldfastError('FAILED_PRECONDITION', `The answer was ${status}`, {
      reason: 'HTTP_STATUS',
      metadata: { status: String(status) },
    })
  return { status, headers, body: contentOf(headers['content-type'] ?? '', body) }
}

function contentOf(type: string, body: Buffer): Json {
  if (body.length === 0) return null
  const text = body.toString()
  if (!/[/+]json\b/.test(type)) return text
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw new HoldfastError('DATA_LOSS', 'The answer says that it is JSON, and is not', { cause })
  }
}
