import { invalidField } from '@holdfast/errors'

const namePattern = /^[a-z][a-z0-9-]{0,40}$/

/** Names of collections and logs. They become parts of table names, which PostgreSQL cuts at 63 bytes. */
export function checkName(name: unknown, field: string): string {
  if (typeof name !== 'string' || !namePattern.test(name)) {
    throw invalidField(field, 'must be 1 to 41 lower-case letters, digits and hyphens, starting with a letter')
  }
  return name
}

/** Ids of documents, streams and entries (keys): 1 to 512 characters (UTF-16 units) that PostgreSQL can hold as text. */
export function checkId(id: unknown, field: string): string {
  return checkText(id, field, 512)
}

export function checkTenantId(id: unknown, field = 'tenantId'): string {
  return checkText(id, field, 128)
}

function checkText(text: unknown, field: string, maxLength: number): string {
  if (typeof text !== 'string') throw invalidField(field, 'must be a string')
  if (text.length === 0 || text.length > maxLength) {
    throw invalidField(field, `must be 1 to ${maxLength} characters long, not ${text.length}`)
  }
  // With the u flag a surrogate matches only one that has no partner.
  if (/[\0\ud800-\udfff]/u.test(text)) throw invalidField(field, 'must not contain NUL or half a surrogate pair')
  return text
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string constant for DDL, where parameters are not allowed. Free of backslash escapes whatever the server's settings. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** The qualified, quoted name of the table that holds a collection. */
export function collectionTable(name: string): string {
  return `holdfast.${quoteIdentifier(`c_${checkName(name, 'collection')}`)}`
}

/** The quoted name of the column that has a field of the data. */
export function dataColumn(field: string): string {
  return quoteIdentifier(`k_${field}`)
}

/** The quoted name of the column that has a vector of the data. */
export function vectorColumn(field: string): string {
  return quoteIdentifier(`v_${field}`)
}

/** The qualified, quoted names of the tables that hold a log: a row for each entry, and a row for each stream. */
export function logTables(name: string): { readonly entries: string; readonly streams: string } {
  checkName(name, 'log')
  return { entries: `holdfast.${quoteIdentifier(`l_${name}`)}`, streams: `holdfast.${quoteIdentifier(`s_${name}`)}` }
}
