import { isIP } from 'node:net'
import { HoldfastError, invalidField } from '@holdfast/errors'

export interface ListenAddress {
  /** Name or IP address; IPv6 without brackets. */
  readonly host: string
  /** 0: a free one. */
  readonly port: number
}

/** Reads `HOST:PORT`, IPv6 as `[::1]:9095`. @throws INVALID_ARGUMENT that names `field` */
export function parseListenAddress(text: string, field: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text)
  const [, ipv6, name, digits] = match ?? []
  const port = Number(digits)
  const host = ipv6 ?? name
  if (host === undefined || port > 65_535 || (ipv6 !== undefined && isIP(ipv6) !== 6)) {
    throw invalidField(field, `must be HOST:PORT, as 127.0.0.1:9095 or [::1]:9095, not ${JSON.stringify(text)}`)
  }
  return { host, port }
}

export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Refuses to listen where other machines can reach it, unless there are both walls. @throws FAILED_PRECONDITION */
export function requireProtection(
  address: ListenAddress,
  { auth, tls }: { readonly auth: boolean; readonly tls: boolean },
): void {
  if (isLoopback(address.host) || (auth && tls)) return
  const missing = [
    ...(auth ? [] : ['authentication (HOLDFAST_AUTH=keys or jwt)']),
    ...(tls ? [] : ['TLS (HOLDFAST_TLS_CERTIFICATE and HOLDFAST_TLS_KEY)']),
  ]
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `The gRPC server cannot listen on ${formatAddress(address)}, where other machines reach it, without ${missing.join(' and ')}: set what is missing, or use 127.0.0.1, [::1] or localhost`,
    { reason: 'LISTEN_UNPROTECTED' },
  )
}

/** As for the gRPC server, for metrics. @throws FAILED_PRECONDITION */
export function requireMetricsProtection(
  address: ListenAddress,
  { token, tls }: { readonly token: boolean; readonly tls: boolean },
): void {
  if (isLoopback(address.host) || (token && tls)) return
  const missing = [
    ...(token ? [] : ['a token (HOLDFAST_METRICS_TOKEN)']),
    ...(tls ? [] : ['TLS (HOLDFAST_TLS_CERTIFICATE and HOLDFAST_TLS_KEY)']),
  ]
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `The metrics server cannot listen on ${formatAddress(address)}, where other machines reach it, without ${missing.join(' and ')}: set what is missing, or use 127.0.0.1, [::1] or localhost`,
    { reason: 'LISTEN_UNPROTECTED' },
  )
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  if (isIP(host) === 6) return new URL(`http://[${host}]`).hostname === '[::1]'
  return host.toLowerCase() === 'localhost'
}

/** The failure to listen as something that an operator can act on. */
export function listenFailure(cause: unknown, address: ListenAddress, what: string): HoldfastError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const where = formatAddress(address)
  const message = text.includes('EADDRINUSE')
    ? `Port ${address.port} is in use: ${what} cannot listen on ${where}; stop what listens there, or choose another port (0 for a free one)`
    : text.includes('EACCES')
      ? `${what} may not listen on ${where}: ports below 1024 need privileges, so choose a higher one`
      : `${what} cannot listen on ${where}: ${text}`
  return new HoldfastError('FAILED_PRECONDITION', message, {
    cause,
    reason: text.includes('EADDRINUSE') ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
    metadata: { address: where },
  })
}
