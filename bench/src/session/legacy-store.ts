import { createClient } from '@redis/client'
import pg from 'pg'

/** The way of the store that Holdfast replaces, by hand on the same drivers: Redis first and one upsert on its table, a read from
 *  Redis or else from the table and then into Redis. */
export interface LegacyStore extends AsyncDisposable {
  write(key: string, value: unknown): Promise<void>
  read(key: string): Promise<unknown>
  /** Only Redis, as somebody would ask it who has nothing else. */
  readRedis(key: string): Promise<unknown>
  query(text: string): Promise<void>
}

export async function openLegacyStore(url: string, redisUrl: string, connections: number): Promise<LegacyStore> {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const redis = createClient({ url: redisUrl })
  redis.on('error', () => undefined)
  await redis.connect()
  await pool.query(`
    create table if not exists sessions (
      key varchar(255) primary key,
      value jsonb not null,
      created_at timestamptz default now(),
      updated_at timestamptz default now());
    create index if not exists sessions_updated_at on sessions (updated_at)`)
  return {
    async write(key, value) {
      const text = JSON.stringify(value)
      await redis.set(key, text)
      try {
        await pool.query({
          name: 'legacy-write',
          text: `insert into sessions (key, value) values ($1, $2)
                 on conflict (key) do update set value = excluded.value, updated_at = now()`,
          values: [key, text],
        })
      } catch (error) {
        await redis.del(key)
        throw error
      }
    },
    async read(key) {
      const cached = await redis.get(key)
      if (cached !== null) return JSON.parse(cached)
      const { rows } = await pool.query<{ value: unknown }>({
        name: 'legacy-read',
        text: 'select value from sessions where key = $1',
        values: [key],
      })
      const [row] = rows
      if (row === undefined) return undefined
      await redis.set(key, JSON.stringify(row.value))
      return row.value
    },
    async readRedis(key) {
      const cached = await redis.get(key)
      return cached === null ? undefined : JSON.parse(cached)
    },
    async query(text) {
      await pool.query(text)
    },
    async [Symbol.asyncDispose]() {
      redis.destroy()
      await pool.end()
    },
  }
}

/** A message in the `context` of a legacy conversation. */
export interface LegacyMessage {
  readonly id: string
  /** 1 user, 2 assistant, 3 system, 4 tool. */
  readonly role: number
  readonly content: string
  /** Unix seconds. */
  readonly timestamp: number
}

/** Reads all messages, extends them, writes all back: what the legacy service did for each one.
 *  @param keep how many of those that are there are kept; default: all */
export async function legacyAppend(
  store: LegacyStore,
  key: string,
  message: LegacyMessage,
  keep: number = Infinity,
): Promise<void> {
  const context = (await store.read(key)) as { readonly messages: readonly LegacyMessage[] }
  const kept = context.messages.length > keep ? context.messages.slice(0, keep) : context.messages
  await store.write(key, { ...context, messages: [...kept, message] })
}
