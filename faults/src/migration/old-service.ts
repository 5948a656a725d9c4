import type { SqlDriver } from '@holdfast/persistence/sql'

/** What is used of a Redis client. */
export interface Redis {
  set(key: string, text: string): Promise<unknown>
}

/** The old service's write, as it did it: Redis first, then one upsert. */
export async function oldWrite(
  driver: SqlDriver,
  redis: Redis | undefined,
  table: 'sessions' | 'reference',
  key: string,
  value: object,
): Promise<void> {
  const text = oldText(value)
  await redis?.set(key, text)
  await driver.query({
    name: `old-write-${table}`,
    text: `insert into ${table} (key, value) values ($1, $2::jsonb)
      on conflict (key) do update set value = excluded.value, updated_at = now()`,
    values: [key, text],
  })
}

const floats: ReadonlySet<string> = new Set(['timestamp', 'created_at'])

/** JSON as Python's `json.dumps` writes what the old service held: these two were floats, all other whole numbers integers. */
export function oldText(value: unknown, name = ''): string {
  if (Array.isArray(value)) return `[${value.map((item) => oldText(item)).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${oldText(member, key)}`)
    return `{${members.join(', ')}}`
  }
  return floats.has(name) && Number.isInteger(value) ? `${String(value)}.0` : JSON.stringify(value)
}
