import type { StoredDocument, Written } from './backend.js'
import type { Document } from './contract/document.js'
import { decodeJson } from './json.js'
import { isMarked, markedError } from './schema/mark.js'

export function withData<T>({ id, version, createdAt, updatedAt, expiresAt }: Written, data: T): Document<T> {
  const document = { id, version, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt), data }
  return expiresAt === undefined ? document : { ...document, expiresAt: new Date(expiresAt) }
}

export function decode<T>(stored: StoredDocument): Document<T> {
  const data = decodeJson(stored.json)
  if (isMarked(data)) throw markedError(data, `Document ${stored.id}`)
  return withData(stored, data as T)
}
