import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** `hfk_` and id say what was found where it should not be, and whose it is; what follows is the secret: 32 random bytes. */
const form = /^hfk_([0-9a-f]{16})_([\w-]{43})$/

export interface ParsedKey {
  readonly id: string
  readonly secret: string
}

export interface MintedKey extends ParsedKey {
  /** What its holder presents. Nobody can tell it again. */
  readonly token: string
}

export function mintApiKey(): MintedKey {
  const id = randomBytes(8).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  return { id, secret, token: `hfk_${id}_${secret}` }
}

export function isApiKey(token: string): boolean {
  return token.startsWith('hfk_')
}

export function parseApiKey(token: string): ParsedKey | undefined {
  const [, id, secret] = form.exec(token) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** SHA-256, as base64url. Slow hashes make guessing dear where there is something to guess: of 2²⁵⁶ secrets nobody guesses one, and every call
 *  would pay. Source: https://pages.nist.gov/800-63-4/sp800-63b.html, look-up secrets of 112 bits or more */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** In the same time wherever they differ. */
export function isSecretOf(secret: string, hash: Buffer): boolean {
  const found = createHash('sha256').update(secret).digest()
  return found.length === hash.length && timingSafeEqual(found, hash)
}
