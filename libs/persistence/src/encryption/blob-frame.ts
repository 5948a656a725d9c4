import { HoldfastError } from '@holdfast/errors'
import { blobChunkBytes } from '../blobs/blob-operations.js'
import type { KeySource } from './key-ring.js'
import { open, seal, sealBytes } from './seal.js'

/** What encrypted bytes of blobs start with, so that those that were stored before are told from them. */
const magic = Buffer.from('b1f4d00d8a5e01c7', 'hex')
export const magicBytes: number = magic.length
const headBytes = magicBytes + 4

/** Bytes of content in one frame: as many as in a chunk. */
export const frameContentBytes: number = blobChunkBytes
/** How many bytes a frame has besides them: the mark, the number of the data key, nonce and tag. */
export const frameExtraBytes: number = headBytes + sealBytes

export type TenantKeySource = (tenant: string) => KeySource

/** A frame is bound to its tenant and to where it stands, so that frames cannot change places. */
export async function frameOf(
  keys: TenantKeySource,
  tenant: string,
  place: readonly unknown[],
  content: Uint8Array,
): Promise<Buffer> {
  const tenantKeys = await keys(tenant)()
  const number = tenantKeys.current
  const head = Buffer.alloc(headBytes)
  magic.copy(head)
  head.writeUInt32BE(number, magicBytes)
  return Buffer.concat([head, seal(tenantKeys.data(number), ['blob', tenant, ...place, number], content)])
}

export const isFrame = (bytes: Uint8Array): boolean =>
  bytes.length >= magicBytes && magic.equals(bytes.subarray(0, magicBytes))

export async function contentOf(
  keys: TenantKeySource,
  tenant: string,
  place: readonly unknown[],
  frame: Uint8Array,
): Promise<Uint8Array> {
  const number = frame.length < headBytes ? 0 : Buffer.from(frame.subarray(magicBytes, headBytes)).readUInt32BE()
  const key = number === 0 ? undefined : (await keys(tenant)(number)).data(number)
  const content = key && open(key, ['blob', tenant, ...place, number], frame.subarray(headBytes))
  if (content !== undefined) return content
  throw new HoldfastError(
    'DATA_LOSS',
    'Bytes of a blob were changed outside of the store or belong elsewhere: restore them from a backup',
    { reason: 'DECRYPTION_FAILED' },
  )
}
