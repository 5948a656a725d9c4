import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of its own, owned by a role that is no superuser. @returns the role's URL */
export async function plainRole(superuserUrl: string): Promise<string> {
  const name = `app_${randomBytes(6).toString('hex')}`
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  try {
    await client.query(`create role ${name} login password 'secret'`)
    await client.query(`create database ${name} owner ${name} template template0 encoding 'UTF8'`)
  } finally {
    await client.end()
  }
  const url = new URL(superuserUrl)
  url.username = name
  url.password = 'secret'
  url.pathname = `/${name}`
  return url.href
}
