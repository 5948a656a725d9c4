import { randomBytes } from 'node:crypto'
import type { EncryptionOptions } from '../encryption/master-keys.js'
import type { Suite } from './suite.js'

/** What the stores of the suite are opened with. The same for all of them: they share their data. */
export const testEncryption: EncryptionOptions = {
  keys: [{ id: 'test', secret: Buffer.alloc(32, 7) }],
  keyCacheMs: 500,
}

export function testEncryptionAtRest(_suite: Suite): void {}
void randomBytes
