import type {
  Backend,
  DocumentOperations,
  Hold,
  Key,
  LogOperations,
  ReadRange,
  StoredDocument,
  StoredEntry,
  StreamHead,
  StreamKey,
  TogetherReads,
} from './backend.js'
import { invalidField } from '@holdfast/errors'
import { DirectDocuments } from './document-access.js'

interface Asked<Read, Answer> {
  readonly read: Read
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** Reads that are begun in the same moment go out as one: those of `readTogether`, which all collections and logs that it hands out
 *  send here. */
export class GatheredReads {
  readonly #backend: Backend
  #documents: Asked<TogetherReads['documents'][number], StoredDocument | undefined>[] = []
  #heads: Asked<TogetherReads['heads'][number], StreamHead>[] = []
  #entries: Asked<TogetherReads['entries'][number], StoredEntry[]>[] = []
  #holds: Asked<Required<TogetherReads>['hold'], boolean>[] = []
  #scheduled = false

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** As far as a collection needs them for `get`. */
  documents(collection: string): { readonly access: DirectDocuments; readonly operations: DocumentOperations } {
    const fetch = (_: string, keys: readonly Key[]) =>
      Promise.all(keys.map((key) => this.#ask(this.#documents, { collection, key })))
    // The types of ReadScope keep everything else out of reach.
    const operations = { fetch } as Pick<DocumentOperations, 'fetch'> as DocumentOperations
    return { access: new DirectDocuments(collection, operations), operations }
  }

  /** As far as a log needs them for `read` and `head`. */
  logs(log: string): LogOperations {
    const operations: Pick<LogOperations, 'read' | 'heads'> = {
      read: (_: string, range: ReadRange) => this.#ask(this.#entries, { log, range }),
      heads: (_: string, streams: readonly StreamKey[]) =>
        Promise.all(streams.map((stream) => this.#ask(this.#heads, { log, stream }))),
    }
    return operations as LogOperations
  }

  hold(log: string, hold: Hold): Promise<boolean> {
    return this.#ask(this.#holds, { log, hold })
  }

  #ask<Read, Answer>(queue: Asked<Read, Answer>[], read: Read): Promise<Answer> {
    return new Promise((resolve, reject) => {
      queue.push({ read, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      // After all pending promise reactions, so that every read which was begun before the first was awaited is there.
      process.nextTick(() => void this.#send())
    })
  }

  async #send(): Promise<void> {
    const [documents, heads, entries] = [this.#documents.splice(0), this.#heads.splice(0), this.#entries.splice(0)]
    const [hold, ...others] = this.#holds.splice(0)
    for (const { reject } of others) reject(invalidField('hold', 'is possible once in one readTogether'))
    this.#scheduled = false
    try {
      const answers = await this.#backend.readTogether({
        documents: documents.map(({ read }) => read),
        heads: heads.map(({ read }) => read),
        entries: entries.map(({ read }) => read),
        ...(hold === undefined ? {} : { hold: hold.read }),
      })
      for (const [index, { resolve }] of documents.entries()) resolve(answers.documents[index])
      for (const [index, { resolve }] of heads.entries()) resolve(answers.heads[index] as StreamHead)
      for (const [index, { resolve }] of entries.entries()) resolve([...(answers.entries[index] ?? [])])
      hold?.resolve(answers.isHeld)
    } catch (error) {
      for (const { reject } of [...documents, ...heads, ...entries]) reject(error)
      hold?.reject(error)
    }
  }
}
