import { readFileSync } from 'node:fs'
import { HoldfastError } from '@holdfast/errors'
import type { ClientsOptions, TlsOptions } from '@holdfast/grpc-clients'

/** How a deployment is reached, and what is presented there. */
export interface ClientFlags {
  readonly token?: string
  readonly tokenFile?: string
  readonly tls?: true
  readonly tlsCa?: string
  readonly clientCertificate?: string
  readonly clientKey?: string
  readonly tlsServerName?: string
}

/** Flags go before HOLDFAST_TOKEN_FILE and HOLDFAST_TOKEN. @throws FAILED_PRECONDITION if a file cannot be read */
export function clientOptions(
  flags: ClientFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Pick<ClientsOptions, 'tls' | 'token'> {
  const file = flags.tokenFile ?? (flags.token === undefined ? environment['HOLDFAST_TOKEN_FILE'] : undefined)
  const token = flags.token ?? (file === undefined ? environment['HOLDFAST_TOKEN'] : read(file).trim())
  const tls = tlsOf(flags)
  return {
    ...(token === undefined || token === '' ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
  }
}

function tlsOf({
  tls,
  tlsCa,
  clientCertificate,
  clientKey,
  tlsServerName,
}: ClientFlags): TlsOptions | true | undefined {
  const options: TlsOptions = {
    ...(tlsCa === undefined ? {} : { ca: read(tlsCa) }),
    ...(clientCertificate === undefined ? {} : { certificate: read(clientCertificate) }),
    ...(clientKey === undefined ? {} : { key: read(clientKey) }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
  }
  return Object.keys(options).length === 0 ? tls : options
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new HoldfastError('FAILED_PRECONDITION', `A file that was named cannot be read: ${problem}`, { cause })
  }
}
