import type { DocumentOperations } from '../backend.js'
import { decodeJson, encodeJson } from '../json.js'
import type { DataSchema } from '../schema/data-schema.js'

/** What claims need of a collection. */
export interface ClaimOperations extends Pick<DocumentOperations, 'claim' | 'settle' | 'replace'> {
  /** What is stored in the place of a text that a claim leads to. @throws INVALID_ARGUMENT if it does not fit the schema */
  readonly accept?: (json: string) => Promise<string>
}

export function withSchema(operations: DocumentOperations, schema: DataSchema): ClaimOperations {
  return {
    claim: (collection, query) => operations.claim(collection, query),
    settle: (collection, rows) => operations.settle(collection, rows),
    replace: (collection, rows) => operations.replace(collection, rows),
    accept: async (json) => encodeJson(await schema.acceptJson(decodeJson(json), 'data')),
  }
}
