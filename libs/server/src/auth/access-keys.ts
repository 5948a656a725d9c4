import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Collection, Document, DocumentStore, Scope, TenantStore } from '@holdfast/persistence'
import type { Role } from '../caller.js'
import { hashOfSecret, mintApiKey } from './api-key.js'
import { isRole, methodRoles, roles } from './method-roles.js'
import { checkTenant, systemTenant } from './tenant-name.js'

/** An API key as everybody may see it: without its secret. */
export interface AccessKey {
  /** 16 hexadecimal digits; part of the key, and what calls made with it are known by. */
  readonly id: string
  /** What it is for, in somebody's words. */
  readonly name: string
  readonly tenant: string
  readonly role: Role
  /** Services (`ChatService`) and methods (`ChatService/GetMessages`) that it reaches; empty: all that its role may call. */
  readonly methods: readonly string[]
  readonly createdAt: Date
  readonly expiresAt?: Date
  readonly revokedAt?: Date
}

export interface NewAccessKey {
  readonly tenant: string
  readonly role: Role
  /** At most 200 characters; default: empty. */
  readonly name?: string
  /** Default: all that its role may call. */
  readonly methods?: readonly string[]
  /** Default: never. */
  readonly expiresAt?: Date
}

export interface CreatedKey {
  readonly key: AccessKey
  /** `hfk_…`, told this once. */
  readonly token: string
}

export interface KeyRecord {
  readonly name: string
  readonly tenant: string
  readonly role: Role
  readonly methods: readonly string[]
  /** SHA-256 of the secret, as base64url. */
  readonly hash: string
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
  readonly revokedAt?: number
}

const maxNameLength = 200
const maxMethods = 100

/** The API keys of all tenants in one store. What changes them changes their revision too, in the same transaction: processes that remember keys look
 *  at that. */
export class AccessKeys {
  readonly #store: TenantStore
  readonly #keys: Collection<KeyRecord>
  readonly #revisions: Collection<{ readonly revision: number }>

  constructor(store: DocumentStore) {
    this.#store = store.tenant(systemTenant)
    this.#keys = keysIn(this.#store)
    this.#revisions = revisionsIn(this.#store)
  }

  /** @throws INVALID_ARGUMENT that names what is wrong */
  async create(wanted: NewAccessKey): Promise<CreatedKey> {
    const { name = '', methods = [], expiresAt } = wanted
    const tenant = checkTenant(wanted.tenant, 'tenant')
    if (!isRole(wanted.role)) throw invalidField('role', `must be one of ${roles.join(', ')}`)
    if (name.length > maxNameLength) throw invalidField('name', `must have at most ${maxNameLength} characters`)
    if (methods.length > maxMethods) throw invalidField('methods', `must be at most ${maxMethods}`)
    methods.forEach(checkMethod)
    if (expiresAt !== undefined && !(expiresAt.getTime() > Date.now())) {
      throw invalidField('expires_at', 'must be a time to come')
    }
    const { id, secret, token } = mintApiKey()
    const record: KeyRecord = {
      name,
      tenant,
      role: wanted.role,
      methods: [...methods],
      hash: hashOfSecret(secret),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.getTime() }),
    }
    const document = await this.#changing(async (scope) => keysIn(scope).insertOne(record, { id }))
    return { key: keyOf(document), token }
  }

  /** Oldest first. @param tenant default: those of all */
  async list(tenant?: string): Promise<AccessKey[]> {
    const found = await this.#keys.find(tenant === undefined ? {} : { tenant }).toArray()
    return found.map(keyOf).sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
  }

  /** From the moment it returns no process begins a call with the key more than half a second later. A key that was revoked stays so.
   *  @param tenant whose key it has to be; default: anybody's. @throws NOT_FOUND */
  async revoke(id: string, tenant?: string): Promise<AccessKey> {
    const document = await this.#changing(async (scope) => {
      const keys = keysIn(scope)
      const found = await keys.get(id)
      if (found === undefined || (tenant !== undefined && found.data.tenant !== tenant)) throw noKey(id)
      if (found.data.revokedAt !== undefined) return found
      return keys.put(id, { ...found.data, revokedAt: Date.now() })
    })
    return keyOf(document)
  }

  record(id: string): Promise<Document<KeyRecord> | undefined> {
    return this.#keys.get(id)
  }

  /** Another one after every change. */
  async revision(): Promise<number> {
    return (await this.#revisions.get('keys'))?.data.revision ?? 0
  }

  #changing(work: (scope: Scope) => Promise<Document<KeyRecord>>): Promise<Document<KeyRecord>> {
    return this.#store.transaction(async (scope) => {
      const changed = await work(scope)
      await revisionsIn(scope).updateOne('keys', { $inc: { revision: 1 } }, { upsert: true })
      return changed
    })
  }
}

function keysIn(scope: Scope): Collection<KeyRecord> {
  return scope.collection<KeyRecord>('access-keys', { indexes: [{ on: 'tenant' }] })
}

function revisionsIn(scope: Scope): Collection<{ readonly revision: number }> {
  return scope.collection<{ readonly revision: number }>('access-revisions')
}

function keyOf({ id, createdAt, data }: Document<KeyRecord>): AccessKey {
  const { hash: _, expiresAt, revokedAt, ...rest } = data
  return {
    id,
    ...rest,
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: new Date(revokedAt) }),
  }
}

/** Whether one of the scopes names the method or its service. @param method `holdfast.chat.v1.ChatService/SendMessage` */
export function isInScope(scopes: readonly string[], method: string): boolean {
  if (scopes.length === 0) return true
  const short = method.slice(method.lastIndexOf('.') + 1)
  return scopes.some((scope) => scope === short || short.startsWith(`${scope}/`))
}

function checkMethod(scope: string, place: number): void {
  const known = Object.entries(methodRoles).some(([service, methods]) => {
    const short = service.slice(service.lastIndexOf('.') + 1)
    return scope === short || Object.keys(methods).some((method) => scope === `${short}/${method}`)
  })
  if (known) return
  throw invalidField(
    `methods[${place}]`,
    `is ${JSON.stringify(scope)}: must be a service, as ChatService, or a method of one, as ChatService/GetMessages`,
  )
}

function noKey(id: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no key ${id}`, { reason: 'KEY_NOT_FOUND' })
}
