import { randomBytes } from 'node:crypto'
import pg from 'pg'

export async function createDatabase(
  superuserUrl: string,
  name = `t_${randomBytes(8).toString('hex')}`,
): Promise<string> {
  await execute(superuserUrl, `create database ${pg.escapeIdentifier(name)}`)
  const url = new URL(superuserUrl)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

export async function dropDatabase(superuserUrl: string, name: string): Promise<void> {
  await execute(superuserUrl, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
}

export function urlOfDatabase(url: string): { readonly name: string } {
  return { name: decodeURIComponent(new URL(url).pathname.slice(1)) }
}

async function execute(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
