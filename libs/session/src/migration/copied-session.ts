import { type StoredSession, tombstoneMs } from '../session-store/documents-backend.js'
import type { SessionRow } from '../session-store/session-backend.js'
import { survivesParsing } from './canonical-json.js'

/** What is stored of a session that is copied from the legacy table. */
export function documentOf({ json }: SessionRow): StoredSession {
  if (json === undefined) return { deleted: true }
  const value: unknown = JSON.parse(json)
  // Infinity is what JavaScript makes of 1e400; no document can hold it, and nobody reads it where there is a text.
  return survivesParsing(json) ? { value } : { value: finite(value), text: json }
}

/** How long the copy lives: what is left of its lifetime, or how long a deleted key is remembered. */
export function lifetimeOf({ json, expiresAt }: SessionRow, now: number): number | null {
  if (json === undefined) return tombstoneMs
  return expiresAt === undefined ? null : Math.max(1, Math.ceil(expiresAt - now))
}

function finite(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (Array.isArray(value)) return value.map(finite)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, finite(member)]))
}
