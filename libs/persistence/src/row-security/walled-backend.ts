import type { Backend, Operations } from '../backend.js'
import { withinTenants } from './tenant-scope.js'

type Call = (...values: unknown[]) => unknown

/** Where a tenant is said by its name alone: the place of that argument. Elsewhere it is the `tenant` of a row, key, stream or query. A call that names none
 *  is nobody's in particular (`ensure`, sweeps), and reaches all. */
const places: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  documents: { count: 1, distinct: 1 },
  blobs: {
    putChunk: 0,
    refresh: 0,
    finish: 0,
    abandon: 0,
    stat: 0,
    touch: 0,
    readChunk: 0,
    remove: 0,
    link: 0,
    unlink: 0,
    unlinkAll: 0,
    dropUnlinked: 0,
    condemn: 0,
    dead: 0,
    dropChunks: 0,
    erase: 0,
  },
  outcomes: { find: 0, record: 0, erase: 0 },
  keys: { list: 0, add: 0, rewrap: 0, destroy: 0 },
  feeds: { read: 1, heads: 1, erase: 0 },
  erasure: { eraseRows: 1, countRows: 1, countEntries: 1, hidden: 1, collections: 0 },
}

/** A backend whose statements say for which tenants they are, so that policies of the database can hold them to it. */
export function walled(backend: Backend): Backend {
  const groups = new Map<PropertyKey, object>()
  return new Proxy(backend, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'transaction') {
        return <R>(work: (tx: Operations) => Promise<R>) => target.transaction((tx) => work(walledOperations(tx)))
      }
      if (name === 'readTogether' || name === 'createTogether') {
        return typeof value === 'function' ? scoped(value.bind(target) as Call, undefined) : value
      }
      if (typeof value === 'function') return value.bind(target) as unknown
      if (typeof name !== 'string' || (!Object.hasOwn(places, name) && name !== 'logs')) return value
      const known = groups.get(name) ?? walledGroup(name, value as object)
      groups.set(name, known)
      return known
    },
  })
}

function walledOperations(tx: Operations): Operations {
  return {
    documents: walledGroup('documents', tx.documents),
    logs: walledGroup('logs', tx.logs),
    blobs: walledGroup('blobs', tx.blobs),
    outcomes: walledGroup('outcomes', tx.outcomes),
    now: () => tx.now(),
  }
}

function walledGroup<G extends object>(group: string, operations: G): G {
  const made = new Map<PropertyKey, Call>()
  return new Proxy(operations, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const known = made.get(name) ?? scoped(value.bind(target) as Call, places[group]?.[String(name)])
      made.set(name, known)
      return known
    },
  })
}

function scoped(call: Call, place: number | undefined): Call {
  return (...values) => {
    const tenants = new Set<string>()
    collect(place === undefined ? values : [values[place]], place !== undefined, tenants)
    return tenants.size === 0 ? call(...values) : withinTenants(tenants, () => call(...values))
  }
}

/** @param isName whether a text is a tenant */
function collect(values: readonly unknown[], isName: boolean, into: Set<string>): void {
  for (const value of values) {
    if (typeof value === 'string') {
      if (isName) into.add(value)
    } else if (Array.isArray(value)) {
      collect(value, isName, into)
    } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      const { tenant } = value as { readonly tenant?: unknown }
      if (typeof tenant === 'string') into.add(tenant)
      // The key of an append group, a creation's stream and rows: never deeper than that.
      else for (const each of Object.values(value)) if (typeof each === 'object') collect([each], false, into)
    }
  }
}
