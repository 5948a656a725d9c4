import type { Log } from '@holdfast/persistence'
import { HoldfastError } from '@holdfast/errors'
import { conversationDeleted, isCode, isTransient, turnLost, isRemoved } from './failures.js'
import { type LiveReply, isHighSurrogate } from './live-reply.js'
import type { ReplyEntry } from './shapes.js'

const maxEntryUnits = 16_384

export interface ReplyWriterOptions {
  readonly log: Log<ReplyEntry>
  readonly conversationId: string
  readonly replyId: string
  readonly live: LiveReply
  /** Of the whole reply, as UTF-8. */
  readonly maxBytes: number
  /** How long the database may be away before the reply is given up. */
  readonly patienceMs: number
  /** Called once, when nothing can be written any more. */
  readonly onLost: (error: HoldfastError) => void
}

/** Appends the text of one reply. While a flush is under way text gathers, and the next flush carries all of it; a lone text goes
 *  at once. Every flush says which entry comes next, so that a writer whose turn was taken over appends nothing. */
export class ReplyWriter {
  readonly #options: ReplyWriterOptions
  #pending = ''
  #bytes = 0
  #next = 1
  #flushing: Promise<void> | undefined
  #sealed = false
  #failure: HoldfastError | undefined

  constructor(options: ReplyWriterOptions) {
    this.#options = options
  }

  write(text: string): void {
    const { replyId, maxBytes } = this.#options
    if (this.#failure !== undefined) throw this.#failure
    if (this.#sealed) throw new HoldfastError('FAILED_PRECONDITION', `Reply ${replyId} has ended: begin another turn`)
    const bytes = Buffer.byteLength(text)
    if (this.#bytes + bytes > maxBytes) {
      throw new HoldfastError('RESOURCE_EXHAUSTED', `Reply ${replyId} is longer than ${maxBytes} bytes: end it here`, {
        reason: 'REPLY_TOO_LONG',
      })
    }
    this.#bytes += bytes
    this.#pending += text
    this.#start()
  }

  async flushed(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Takes no more text. @returns what is not durable yet, and the number of the entry that comes next */
  async seal(): Promise<{ rest: string; next: number }> {
    this.#sealed = true
    await this.flushed()
    return { rest: this.#pending, next: this.#next }
  }

  /** Makes all further writes fail. */
  fail(error: HoldfastError): void {
    this.#failure ??= error
  }

  #start(): void {
    if (this.#flushing !== undefined || this.#sealed || this.#take(false) === '') return
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
      if (this.#failure === undefined) this.#start()
    })
  }

  /** What can be written now. The first half of a surrogate pair waits for the second: followers get whole characters. */
  #take(remove: boolean): string {
    const end = this.#pending.length
    const cut = end > 0 && isHighSurrogate(this.#pending, end - 1) ? end - 1 : end
    const text = this.#pending.slice(0, cut)
    if (remove) this.#pending = this.#pending.slice(cut)
    return text
  }

  async #flush(): Promise<void> {
    const text = this.#take(true)
    const entries = textEntries(text)
    try {
      await this.#append(entries)
      this.#next += entries.length
      this.#options.live.push(text)
    } catch (error) {
      const lost = isCode(error, 'ABORTED', 'FAILED_PRECONDITION', 'UNAVAILABLE')
        ? error
        : turnLost(this.#options.replyId, error)
      this.fail(lost)
      this.#options.onLost(lost)
    }
  }

  async #append(entries: readonly { readonly data: ReplyEntry }[]): Promise<void> {
    const { log, replyId, conversationId, patienceMs } = this.#options
    const deadline = performance.now() + patienceMs
    let doubtful = false
    for (let delay = 20; ; delay = Math.min(1000, delay * 2)) {
      if (this.#failure !== undefined) throw this.#failure
      try {
        await log.append(replyId, entries, { ifNext: this.#next })
        return
      } catch (error) {
        if (isRemoved(error)) throw conversationDeleted(conversationId, error)
        if (!isTransient(error)) {
          if (doubtful && (await this.#isStored(entries))) return
          throw turnLost(replyId, error)
        }
        doubtful ||= isCode(error, 'UNKNOWN')
        if (performance.now() > deadline) throw unstorable(replyId, error)
        await new Promise((resolve) => setTimeout(resolve, delay))
      }
    }
  }

  /** Whether the entries of a flush whose outcome was unknown are there. Only the holder of the turn appends text, and
   *  whoever takes the turn over appends an end. */
  async #isStored(entries: readonly { readonly data: ReplyEntry }[]): Promise<boolean> {
    const stored = await this.#options.log.read(this.#options.replyId, { after: this.#next - 1, limit: entries.length })
    return (
      stored.length === entries.length &&
      stored.every(({ data }, index) => {
        const wanted = entries[index]?.data
        return data.kind === 'text' && wanted?.kind === 'text' && data.text === wanted.text
      })
    )
  }
}

export function textEntries(text: string): { readonly data: ReplyEntry }[] {
  const entries: { data: ReplyEntry }[] = []
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + maxEntryUnits)
    if (end < text.length && isHighSurrogate(text, end - 1)) end -= 1
    entries.push({ data: { kind: 'text', text: text.slice(start, end) } })
    start = end
  }
  return entries
}

function unstorable(replyId: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'UNAVAILABLE',
    `The text of reply ${replyId} could not be stored: the database stayed away`,
    {
      reason: 'REPLY_NOT_STORED',
      cause,
    },
  )
}
