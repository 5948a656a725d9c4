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

/** Refuses addresses that other machines can reach: there is no authentication yet.
 *  @throws FAILED_PRECONDITION */
export function requireLoopback(address: ListenAddress, what: string): void {
  if (isLoopback(address.host)) return
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `${what} cannot listen on ${formatAddress(address)}: without authentication it serves this machine only, so use 127.0.0.1, [::1] or localhost`,
    { reason: 'LISTEN_NOT_LOOPBACK' },
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
