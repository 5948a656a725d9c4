import { Socket } from 'node:net'
import { Client } from 'pg'
import type { Listener, ListenerEvents } from '../sql/driver.js'
import { quoteIdentifier } from '../sql/names.js'
import { connectError } from './connect-error.js'
import type { ConnectionSettings } from './connection.js'

/** A connection that does nothing but wait for NOTIFY. It does not keep the process alive.
 *  @throws HoldfastError that says what is wrong with the server or the connection string */
export async function openListener(
  settings: Pick<ConnectionSettings, 'url' | 'applicationName' | 'connectTimeoutMs'>,
  channel: string,
  { onNotify, onLost }: ListenerEvents,
): Promise<Listener> {
  const client = new Client({
    connectionString: settings.url,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    application_name: settings.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  let state: 'opening' | 'open' | 'over' = 'opening'
  const lost = () => {
    const wasOpen = state === 'open'
    state = 'over'
    client.connection.stream.destroy()
    if (wasOpen) onLost()
  }
  client.on('error', lost)
  client.on('end', lost)
  client.on('notification', ({ payload }) => onNotify(payload ?? ''))
  try {
    await client.connect()
    await client.query(`listen ${quoteIdentifier(channel)}`)
  } catch (error) {
    lost()
    const { host, port, user, database } = client
    throw connectError(error, { host, port, user, database }, settings.connectTimeoutMs)
  }
  state = 'open'
  const { stream } = client.connection
  if (stream instanceof Socket) stream.unref()
  return {
    close: async () => {
      state = 'over'
      if (stream instanceof Socket) stream.ref()
      await client.end().catch(() => undefined)
    },
  }
}
