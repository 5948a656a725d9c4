import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ConversationAccess } from '../access/conversation-access.js'
import { type ImportOptions, type ImportReport, emptyReport, throwIfStopped } from './import-report.js'
import type { InputLine } from './input-lines.js'
import { isDeleted, reconcileConversation, reconcileMessages, reconcileState } from './reconcile.js'
import { type ConversationRecord, type ExchangeRecord, type MessageRecord, parseRecord } from './records.js'
import { WorkLanes } from './work-lanes.js'

const chunkMessages = 100
const chunkBytes = 1024 * 1024

/** Takes back what an export wrote. What is there already stays as it is, so that an import can be repeated and taken up again.
 *  A line that is not understood ends it: everything before that line is stored, nothing after it was looked at.
 *  @throws INVALID_ARGUMENT that names file and line; ALREADY_EXISTS where something else has the place */
export async function importRecords(
  access: ConversationAccess,
  lines: AsyncIterable<InputLine>,
  options: ImportOptions,
): Promise<ImportReport> {
  const importer = new Importer(access, options)
  try {
    for await (const line of lines) {
      throwIfStopped(options.signal)
      await importer.take(line)
    }
  } finally {
    await importer.finish()
  }
  return importer.report
}

class Importer {
  readonly report: ImportReport = emptyReport()
  readonly #access: ConversationAccess
  readonly #options: ImportOptions
  readonly #lanes: WorkLanes
  readonly #deleted = new Set<string>()
  #open: { readonly id: string; nextSeq: number } | undefined
  #chunk: { readonly records: MessageRecord[]; readonly place: string; bytes: number } | undefined

  constructor(access: ConversationAccess, options: ImportOptions) {
    this.#access = access
    this.#options = options
    this.#lanes = new WorkLanes(options.concurrency)
  }

  async take({ text, place, sizeBytes }: InputLine): Promise<void> {
    const record = this.#parse(text, place)
    if (record.type === 'message') {
      await this.#takeMessage(record, place, sizeBytes)
      return
    }
    await this.#flush()
    if (record.type === 'conversation') {
      this.#open = { id: record.id, nextSeq: 1 }
      await this.#work(record.id, place, sizeBytes, () => this.#makeConversation(record))
    } else {
      await this.#work(record.conversation, place, sizeBytes, async () => {
        const { changed } = await reconcileState(this.#access, record.conversation, record.state)
        if (changed) this.report.statesChanged++
      })
    }
  }

  /** What was understood is stored even when a later line was not. */
  async finish(): Promise<void> {
    await this.#flush()
    await this.#lanes.drained()
  }

  #parse(text: string, place: string): ExchangeRecord {
    try {
      const record = parseRecord(text)
      if (record.type === 'conversation') return record
      if (record.conversation !== this.#open?.id) {
        throw invalidField('record.conversation', `is ${record.conversation}, whose own record does not come before`)
      }
      if (record.type === 'message' && record.seq !== this.#open.nextSeq) {
        throw invalidField('record.seq', `is ${record.seq} where ${this.#open.nextSeq} comes next`)
      }
      return record
    } catch (error) {
      throw at(place, error)
    }
  }

  async #takeMessage(record: MessageRecord, place: string, sizeBytes: number): Promise<void> {
    if (this.#open !== undefined) this.#open.nextSeq++
    this.#chunk ??= { records: [], place, bytes: 0 }
    this.#chunk.records.push(record)
    this.#chunk.bytes += sizeBytes
    if (this.#chunk.records.length >= chunkMessages || this.#chunk.bytes >= chunkBytes) await this.#flush()
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk
    const conversation = this.#open?.id
    this.#chunk = undefined
    if (chunk === undefined || conversation === undefined) return
    await this.#work(conversation, chunk.place, chunk.bytes, async () => {
      const appended = await reconcileMessages(this.#access, conversation, chunk.records)
      this.report.appended += appended
      this.report.messages += chunk.records.length
    })
  }

  async #makeConversation(record: ConversationRecord): Promise<void> {
    const { created } = await reconcileConversation(this.#access, record)
    this.report.conversations++
    if (created) this.report.created++
  }

  async #work(conversation: string, place: string, sizeBytes: number, work: () => Promise<void>): Promise<void> {
    await this.#lanes.add(conversation, async () => {
      throwIfStopped(this.#options.signal)
      try {
        if (!this.#deleted.has(conversation)) await work()
      } catch (error) {
        if (!isDeleted(error)) throw at(place, error)
        this.#deleted.add(conversation)
        this.report.deleted++
      }
      this.#options.onProgress?.(sizeBytes)
    })
  }
}

function at(place: string, error: unknown): HoldfastError {
  const text = error instanceof Error ? error.message : String(error)
  if (!(error instanceof HoldfastError)) return new HoldfastError('INTERNAL', `${place}: ${text}`, { cause: error })
  const { code, reason, fields, metadata } = error
  return new HoldfastError(code, `${place}: ${text}`, { cause: error, reason, fields, metadata })
}
