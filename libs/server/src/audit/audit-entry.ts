import { createHash, createHmac } from 'node:crypto'

/** What is worth knowing afterwards. Never a text, a name or an id that a person or a program chose, and no secret. */
export interface AuditEvent {
  /** Milliseconds since 1970, by the clock of the process that saw it. */
  readonly at: number
  /** `call`: a call of a service; `command`: a command of an operator on the store; `server`: a server began to serve; `skipped`: so many events
   *  could not be written. */
  readonly kind: 'call' | 'command' | 'server' | 'skipped'
  /** `holdfast.chat.v1.ChatService/EraseUser`, `keys revoke`. */
  readonly action: string
  /** `OK`, or the code of the error. */
  readonly outcome: string
  /** Of the error, if there is more to say than its code. */
  readonly reason?: string
  readonly tenant?: string
  /** Id of the API key or subject of the token; absent: nobody was recognized, or there is no authentication. */
  readonly credential?: string
  readonly role?: string
  /** How often it happened alike, for denied calls, of which only the first of a minute is written at once; default 1. */
  readonly count?: number
  /** Facts of a command or of a server: the id of a key, the digest of the settings. */
  readonly facts?: Readonly<Record<string, string>>
}

/** An event in its place. */
export interface AuditRecord extends AuditEvent {
  /** `hash` of the entry before; the first one's is empty. */
  readonly previous: string
  /** Of the place, the event and `previous`, as hexadecimal digits. */
  readonly hash: string
}

/** SHA-256, or with a key HMAC-SHA-256: whoever has the database and not the key can make no entry that fits.
 *  Members are put in order, since the database keeps them in one of its own. */
export function hashOfEntry(seq: number, record: Omit<AuditRecord, 'hash'>, key: string | undefined): string {
  const text = JSON.stringify([seq, inOrder(record)])
  const hash = key === undefined ? createHash('sha256') : createHmac('sha256', key)
  return hash.update(text).digest('hex')
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([name, each]) => name !== 'hash' && each !== undefined)
  return members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, inOrder(each)])
}
