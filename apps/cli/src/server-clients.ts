import { readFileSync } from 'node:fs'
import { type Clients, type ClientsOptions, createClients } from '@holdfast/grpc-clients'
import { HoldfastError } from '@holdfast/errors'
import type { Config } from '@holdfast/server'
import type { ServerFlags, StoreFlags } from './commands/store-options.js'
import { settingsOf } from './settings.js'

/** Clients of a running server, with the credential and the TLS files that are configured for commands. */
export function serverClients(
  address: string,
  flags: StoreFlags & ServerFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Clients {
  return createClients({ ...serverClientOptions(flags, environment), address })
}

/** @throws INVALID_ARGUMENT, FAILED_PRECONDITION if a file cannot be read */
export function serverClientOptions(
  flags: StoreFlags & ServerFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Pick<ClientsOptions, 'tls' | 'token'> {
  const { config } = settingsOf(flags, environment)
  const { token } = config.client
  return { ...clientOptionsOf(config), ...(token === undefined ? {} : { token }) }
}

/** How this installation calls servers, without the credential. @throws FAILED_PRECONDITION if a file cannot be read */
export function clientOptionsOf({ client }: Pick<Config, 'client'>): Pick<ClientsOptions, 'tls'> {
  const { tls, tlsCa, tlsCertificate, tlsKey, tlsServerName } = client
  if (!tls && tlsCa === undefined && tlsCertificate === undefined) return {}
  return {
    tls: {
      ...(tlsCa === undefined ? {} : { ca: read(tlsCa, 'client.tlsCa') }),
      ...(tlsCertificate === undefined ? {} : { certificate: read(tlsCertificate, 'client.tlsCertificate') }),
      ...(tlsKey === undefined ? {} : { key: read(tlsKey, 'client.tlsKey') }),
      ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
    },
  }
}

function read(path: string, setting: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const problem = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `${setting} cannot be read from ${path} (${problem}): check the path and its permissions`,
      { cause, reason: 'TLS_FILES_UNREADABLE' },
    )
  }
}
