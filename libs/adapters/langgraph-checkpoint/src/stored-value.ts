import { createHash } from 'node:crypto'
import type { SerializerProtocol } from '@langchain/langgraph-checkpoint'
import { splitArray } from './split-array.js'

/** A serialized value in one piece. */
export type Packed =
  | { readonly type: string; readonly text: string }
  /** Of a serializer that does not write JSON. */
  | { readonly type: string; readonly base64: string }

/** The value of a channel: in one piece, or in chunks that are stored by their content. */
export type StoredValue = Packed | ChunkedValue

export interface ChunkedValue {
  readonly type: string
  /** How the chunks make the value: one after the other, or as the elements of a JSON array. */
  readonly form: 'text' | 'base64' | 'array'
  /** How many times the chunks are lists of chunks. */
  readonly depth: number
  readonly chunks: readonly string[]
}

export interface Chunk {
  /** Follows from the content. */
  readonly id: string
  readonly text: string
}

/** Up to here a value is kept where it is used. */
const inlineLength = 512
/** A chunk of array elements ends when it is this long, so that what an append writes anew stays as small. */
const chunkLength = 2_048
const pieceLength = 65_536
const maxChunks = 64

export async function pack(serde: SerializerProtocol, value: unknown): Promise<Packed> {
  const [type, bytes] = await serde.dumpsTyped(value)
  const buffer = Buffer.from(bytes)
  return type === 'json' ? { type, text: buffer.toString('utf8') } : { type, base64: buffer.toString('base64') }
}

export function unpack(serde: SerializerProtocol, packed: Packed): Promise<unknown> {
  // A plain array: the serializer hands out bytes as it gets them.
  const bytes = 'text' in packed ? packed.text : Uint8Array.from(Buffer.from(packed.base64, 'base64'))
  return serde.loadsTyped(packed.type, bytes) as Promise<unknown>
}

/** A list that grows shares all but its last chunk with its former versions, and one that loses its beginning all but its first. */
export function toChunks(value: unknown, packed: Packed): { stored: StoredValue; chunks: readonly Chunk[] } {
  const content = 'text' in packed ? packed.text : packed.base64
  if (content.length <= inlineLength) return { stored: packed, chunks: [] }
  const { type } = packed
  const isArray = Array.isArray(value) && content.startsWith('[') && type === 'json'
  const form = isArray ? 'array' : 'text' in packed ? 'text' : 'base64'
  let level = (isArray ? group(splitArray(content)) : pieces(content)).map(chunkOf)
  const chunks = [...level]
  let depth = 0
  while (level.length > maxChunks) {
    level = group(level.map(({ id }) => JSON.stringify(id))).map(chunkOf)
    chunks.push(...level)
    depth += 1
  }
  return { stored: { type, form, depth, chunks: level.map(({ id }) => id) }, chunks }
}

/** @param fetch the texts of chunks */
export async function fromChunks(
  value: ChunkedValue,
  fetch: (ids: readonly string[]) => Promise<readonly string[]>,
): Promise<Packed> {
  const { type, form, depth } = value
  let ids = value.chunks
  for (let level = 0; level < depth; level += 1) ids = JSON.parse(`[${(await fetch(ids)).join(',')}]`) as string[]
  const texts = await fetch(ids)
  if (form === 'array') return { type, text: `[${texts.join(',')}]` }
  return form === 'text' ? { type, text: texts.join('') } : { type, base64: texts.join('') }
}

/** All chunks that a value is made of; those that are lists of chunks are fetched. */
export async function chunkIdsOf(
  value: StoredValue,
  fetch: (ids: readonly string[]) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (!('chunks' in value)) return []
  const all = [...value.chunks]
  let ids = value.chunks
  for (let level = 0; level < value.depth; level += 1) {
    ids = JSON.parse(`[${(await fetch(ids)).join(',')}]`) as string[]
    all.push(...ids)
  }
  return all
}

/** Ends a group where an element says so by its own content, whatever stands before it: so two lists that differ somewhere are cut alike elsewhere. */
function group(elements: readonly string[]): string[] {
  const groups: string[] = []
  let current: string[] = []
  let length = 0
  for (const element of elements) {
    current.push(element)
    length += element.length + 1
    if (length < chunkLength && (sha256(element)[0] ?? 0) % 8 !== 0) continue
    groups.push(current.join(','))
    current = []
    length = 0
  }
  if (current.length > 0) groups.push(current.join(','))
  return groups
}

function pieces(content: string): string[] {
  const count = Math.ceil(content.length / pieceLength)
  return Array.from({ length: count }, (_, index) => content.slice(index * pieceLength, (index + 1) * pieceLength))
}

function chunkOf(text: string): Chunk {
  return { id: sha256(text).toString('base64url').slice(0, 32), text }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
