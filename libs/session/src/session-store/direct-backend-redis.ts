import { randomBytes } from 'node:crypto'
import { connectRedis, type RedisConnection, redisScript } from '../cache/redis-connection.js'

/** How long a write may take before what it sets afterwards is refused. */
const writingMs = 60_000

/** The value goes before the write, whatever becomes of that; a mark tells whether the write is alone with the key. */
const beginScript = redisScript(`
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i])
  local alone = redis.call('EXISTS', KEYS[i + 1]) == 0
  redis.call('SET', KEYS[i + 1], alone and ARGV[1] or '', 'PX', ${writingMs})
end`)

/** Sets the values of those that were alone all the time. An empty text: there is no value. */
const endScript = redisScript(`
for i = 1, #KEYS, 2 do
  if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
    local text = ARGV[1 + (i + 1) / 2]
    if text ~= '' then redis.call('SET', KEYS[i], text) end
    redis.call('DEL', KEYS[i + 1])
  end
end`)

/** The Redis of the old service: the same keys, the same texts, no expiry. While that service is off it never holds what the table does not: a value is taken out
 *  before its write is committed, and put in after it only if nobody else wrote the key meanwhile; else it stays out, and the old
 *  service finds it in the table. */
export class LegacyRedis {
  readonly connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.connection = connection
  }

  /** @returns what `end` wants; `undefined`: Redis is away, and may hold what is about to be written over */
  async begin(keys: readonly string[]): Promise<string | undefined> {
    const token = randomBytes(9).toString('base64url')
    try {
      await this.connection.run(beginScript, withMarks(keys), [token])
      return token
    } catch {
      return undefined
    }
  }

  /** If it does not get through, the values stay out. */
  end(token: string, entries: readonly (readonly [key: string, text: string | undefined])[]): void {
    const keys = withMarks(entries.map(([key]) => key))
    const texts = entries.map(([, text]) => text ?? '')
    void this.connection.run(endScript, keys, [token, ...texts]).catch(() => undefined)
  }

  /** In the order of the keys; `null`: it has none. @throws UNAVAILABLE */
  async get(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return []
    return (await this.connection.send(undefined, ['MGET', ...keys], true)) as (string | null)[]
  }

  /** One page of all its keys, marks left out. @throws UNAVAILABLE */
  async scan(cursor: string): Promise<{ readonly next: string; readonly keys: readonly string[] }> {
    const [next, keys] = (await this.connection.send(undefined, ['SCAN', cursor, 'COUNT', '500'], true)) as [
      string,
      string[],
    ]
    return { next, keys: keys.filter((key) => !key.startsWith(markPrefix)) }
  }

  close(): Promise<void> {
    return this.connection.close()
  }
}

const markPrefix = 'holdfast:writing:'

function withMarks(keys: readonly string[]): string[] {
  return keys.flatMap((key) => [key, `${markPrefix}${key}`])
}

export async function openLegacyRedis(url: string): Promise<LegacyRedis> {
  return new LegacyRedis(await connectRedis({ url }))
}
