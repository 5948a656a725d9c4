import { invalidField } from '@holdfast/errors'
import type { BlobOwner } from '../contract/blobs.js'
import { checkOptions } from '../options.js'
import { checkId, checkName } from '../sql/names.js'

/** Owners as text: equal owners have equal texts. Names of collections and logs hold no slash, so that ids may. */
export function ownerText(owner: BlobOwner): string {
  if (typeof owner === 'string') return `name:${checkId(owner, 'owner')}`
  if (typeof owner !== 'object' || owner === null) {
    throw invalidField('owner', 'must be { collection, id }, { log, stream, seq? } or a string')
  }
  if ('collection' in owner) {
    checkOptions(owner, ['collection', 'id'])
    return `document:${checkName(owner.collection, 'owner.collection')}/${checkId(owner.id, 'owner.id')}`
  }
  if (!('log' in owner)) throw invalidField('owner', 'must be { collection, id }, { log, stream, seq? } or a string')
  checkOptions(owner, ['log', 'stream', 'seq'])
  const { log, stream, seq } = owner
  if (seq !== undefined && (!Number.isSafeInteger(seq) || seq < 1)) {
    throw invalidField('owner.seq', 'must be an integer from 1')
  }
  return `entry:${checkName(log, 'owner.log')}/${seq ?? ''}/${checkId(stream, 'owner.stream')}`
}

export function ownerOf(text: string): BlobOwner {
  const [, kind, name, id = ''] = /^(name|document|entry):(?:([a-z0-9-]+)\/)?(.*)$/s.exec(text) ?? []
  if (kind === 'document' && name !== undefined) return { collection: name, id }
  if (kind === 'entry' && name !== undefined) {
    const slash = id.indexOf('/')
    const place = { log: name, stream: id.slice(slash + 1) }
    return slash === 0 ? place : { ...place, seq: Number(id.slice(0, slash)) }
  }
  return text.slice('name:'.length)
}
