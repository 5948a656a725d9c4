import { randomBytes } from 'node:crypto'
import { Client, escapeIdentifier } from 'pg'

/** @returns the new database's URL */
export async function createDatabase(
  superuserUrl: string,
  name: string = `t_${randomBytes(8).toString('hex')}`,
): Promise<string> {
  await execute(superuserUrl, `create database ${escapeIdentifier(name)}`)
  const url = new URL(superuserUrl)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** Connections to it are cut. */
export async function dropDatabase(superuserUrl: string, url: string): Promise<void> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  await execute(superuserUrl, `drop database if exists ${escapeIdentifier(name)} with (force)`)
}

/** Runs `copy` between the start and the end of a base backup. @returns the backup label that belongs to the copy */
export async function backUp(superuserUrl: string, copy: () => Promise<void>): Promise<string> {
  const client = new Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(`select pg_backup_start('standby', true)`)
    await copy()
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    return rows[0]?.labelfile ?? ''
  } finally {
    await client.end()
  }
}

async function execute(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
