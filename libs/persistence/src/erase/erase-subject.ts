import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend } from '../backend.js'
import type { StoredCollection } from '../collection.js'
import type { BlobOwner, Blobs } from '../contract/blobs.js'
import type { Filter } from '../contract/document.js'
import type { Log } from '../contract/log.js'
import type { Subject, SubjectErasureReport } from './erasure-report.js'
import { checkOptions } from '../options.js'
import { checkId, checkName } from '../sql/names.js'

/** Where the subject's data lies: a tenant's scope, and what stands below it. */
export interface SubjectHome {
  readonly tenant: string
  readonly backend: Pick<Backend, 'erasure' | 'upkeep' | 'blobs'>
  readonly blobs: Blobs
  collection(name: string): StoredCollection<unknown>
  log(name: string): Log<unknown>
}

const batchRows = 500

/** Each batch is a commit of its own: an erasure that was cut off goes on where it was when it is called again. */
export async function eraseSubject(home: SubjectHome, subject: Subject): Promise<SubjectErasureReport> {
  const { collections, logs, blobs: named } = checkSubject(subject)
  const { erasure, upkeep } = home.backend
  const filters = new Map(collections.map(([name, filter]) => [name, [filter]]))
  if (subject.id !== undefined) {
    for (const { collection, path } of await erasure.subjects()) {
      filters.set(collection, [...(filters.get(collection) ?? []), { [path]: subject.id }])
    }
  }
  const { expiring, softDeleting } = await upkeep.duties()
  const fenced = new Set(softDeleting.map(({ collection }) => collection))
  const veiled = new Set([...expiring, ...fenced])
  const hashes = new Set(named)
  let documents = 0
  let [streams, entries, blobs] = [0, 0, 0]
  const remaining = { documents: 0, entries: 0, blobs: 0 }

  const found = async (
    name: string,
    filter: Filter,
    act: (ids: readonly string[]) => Promise<unknown>,
  ): Promise<void> => {
    const collection = home.collection(name)
    let batch: string[] = []
    for await (const { id } of collection.find(filter)) {
      if (batch.push(id) === batchRows) await act(batch.splice(0))
    }
    if (batch.length > 0) await act(batch)
    if (!veiled.has(name)) return
    for (let after = '', more = true; more;) {
      const hidden = await erasure.hidden(name, home.tenant, after, batchRows)
      batch = await collection.matching(hidden, filter)
      if (batch.length > 0) await act(batch)
      after = hidden.at(-1)?.id ?? after
      more = hidden.length === batchRows
    }
  }

  const hasBlobs = (await home.backend.blobs.list(home.tenant, undefined, 1)).length > 0
  const release = async (owner: BlobOwner): Promise<void> => {
    if (!hasBlobs) return
    for (const hash of await home.blobs.linkedBy(owner)) hashes.add(hash)
    await home.blobs.unlinkAll(owner)
  }

  for (const [name, ofCollection] of filters) {
    for (const filter of ofCollection) {
      await found(name, filter, async (ids) => {
        // Links first: they lead to the blobs, and whoever goes on after a crash finds them by the documents.
        for (const id of ids) await release({ collection: name, id })
        const keys = ids.map((id) => ({ tenant: home.tenant, id }))
        documents += await erasure.eraseDocuments(name, keys, fenced.has(name))
      })
    }
  }
  for (const [name, ofLog] of logs) {
    const log = home.log(name)
    for (const stream of ofLog) {
      const { first, next } = await log.head(stream)
      await release({ log: name, stream })
      if (hasBlobs) for (let seq = first; seq < next; seq += 1) await release({ log: name, stream, seq })
      entries += await erasure.countEntries(name, home.tenant, stream)
      if (await log.remove(stream)) streams += 1
    }
    // Only now, because the entries of one may have stayed for another of them, which branched off.
    for (const stream of ofLog) remaining.entries += await erasure.countEntries(name, home.tenant, stream)
  }
  entries -= remaining.entries
  for (const hash of hashes) {
    try {
      if (await home.blobs.remove(hash)) blobs += 1
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.reason !== 'BLOB_LINKED') throw error
      remaining.blobs += 1
    }
  }
  for (const [name, ofCollection] of filters) {
    for (const filter of ofCollection) {
      await found(name, filter, async (ids) => {
        remaining.documents += ids.length
      })
    }
  }
  return { documents, logs: { streams, entries }, blobs, remaining }
}

function checkSubject(subject: Subject): {
  collections: (readonly [string, Filter])[]
  logs: (readonly [string, readonly string[]])[]
  blobs: readonly string[]
} {
  checkOptions(subject, ['id', 'collections', 'logs', 'blobs'])
  const { id, collections = {}, logs = {}, blobs = [] } = subject
  if (Object.keys(subject).length === 0) throw invalidField('subject', 'must say what to erase')
  const isName = typeof id === 'string' ? id !== '' : typeof id === 'number' && Number.isFinite(id)
  if (id !== undefined && !isName) throw invalidField('subject.id', 'must be a string or a number')
  for (const [field, value] of Object.entries({ collections, logs })) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalidField(`subject.${field}`, 'must be an object by name')
    }
  }
  if (!Array.isArray(blobs)) throw invalidField('subject.blobs', 'must be an array of hashes')
  for (const [name, filter] of Object.entries(collections)) {
    checkName(name, 'subject.collections')
    // An empty filter would take everybody's documents: a slip of the pen must not do that.
    if (typeof filter !== 'object' || filter === null || Object.keys(filter).length === 0) {
      throw invalidField(`subject.collections.${name}`, 'must be a filter that is not empty')
    }
  }
  for (const [name, streams] of Object.entries(logs)) {
    checkName(name, 'subject.logs')
    if (!Array.isArray(streams)) throw invalidField(`subject.logs.${name}`, 'must be an array of streams')
    for (const stream of streams) checkId(stream, `subject.logs.${name}`)
  }
  return { collections: Object.entries(collections), logs: Object.entries(logs), blobs }
}
