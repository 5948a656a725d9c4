import { Client, type ClientConfig } from 'pg'

/** What `pg` has and its types leave out. */
interface Session {
  readonly processID: number | null
  readonly secretKey: number | null
}

interface Startup {
  startup: () => void
  readonly cancel: (processID: number | null, secretKey: number | null) => void
}

/** Asks the server, on a connection of its own that is encrypted if the session's is, to end what runs in the session. Poolers pass it on to the session
 *  that is meant. Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 *  @returns whether the server has heard of it by now; if not, it may end something later */
export async function requestCancel(session: Client, config: ClientConfig, timeoutMs: number): Promise<boolean> {
  const { processID, secretKey } = session as unknown as Session
  const client = new Client({ ...config, connectionTimeoutMillis: 0 })
  const connection = client.connection as unknown as Startup
  let isSent = false
  let isLate = false
  // In place of the message that opens a session, at the point where that would go.
  connection.startup = () => {
    isSent = true
    connection.cancel(processID, secretKey)
  }
  const timer = setTimeout(() => {
    isLate = true
    client.connection.stream.destroy()
  }, timeoutMs)
  client.on('error', () => {})
  // The server answers nothing, and closes the connection when it has told the session.
  await client.connect().catch(() => {})
  clearTimeout(timer)
  return isSent && !isLate
}
