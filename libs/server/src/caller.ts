/** What a caller may do: `reader` reads, `writer` changes too, `admin` may do everything. Each includes the one before. */
export type Role = 'reader' | 'writer' | 'admin'

/** Who calls. */
export interface Caller {
  /** Tenant of all that the call may touch; the store's default tenant without auth. */
  readonly tenant: string
  readonly role: Role
  /** Id of the API key or subject of the token; never a secret. Empty without auth. */
  readonly credential: string
}

/** Whoever calls a server without auth: it serves this machine only. */
export const localCaller: Caller = Object.freeze({ tenant: 'default', role: 'admin', credential: '' })
