import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'

/** AES-256-GCM: 12 bytes of nonce, the ciphertext, 16 bytes of tag. */
const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** Random bytes for nonces, drawn from the system many at a time: one by one they cost a quarter of an encryption. */
const drawn = Buffer.alloc(nonceBytes * 256)
let used = drawn.length

function randomNonce(): Uint8Array {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  used += nonceBytes
  return Uint8Array.from(drawn.subarray(used - nonceBytes, used))
}

/** How many bytes a sealed content is longer. */
export const sealBytes: number = nonceBytes + tagBytes

/** @param place what the content belongs to, which `open` must be told again, so that it cannot be put in another's place
 *  @param nonce used once only under this key; default: random */
export function seal(
  key: KeyObject,
  place: readonly unknown[],
  content: Uint8Array | string,
  nonce: Uint8Array = randomNonce(),
): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(JSON.stringify(place)))
  const body = typeof content === 'string' ? cipher.update(content, 'utf8') : cipher.update(content)
  return Buffer.concat([nonce, body, cipher.final(), cipher.getAuthTag()])
}

/** `undefined`: it was changed, belongs to another place, or was sealed with another key. */
export function open(key: KeyObject, place: readonly unknown[], sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < sealBytes) return undefined
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(JSON.stringify(place)))
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  const body = decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes))
  try {
    return Buffer.concat([body, decipher.final()])
  } catch {
    return undefined
  }
}
