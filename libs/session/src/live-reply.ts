import { HoldfastError } from '@holdfast/errors'
import type { Message, ReplyStatus } from './message.js'
import type { ReplyEvent } from './turn.js'

/** The durable text of a reply that this process is making, for those in this process who follow it: they need not read back
 *  from the database what was just written to it. */
export class LiveReply {
  readonly replyId: string
  readonly #pieces: { readonly start: number; readonly text: string }[] = []
  readonly #waiting = new Set<() => void>()
  #length = 0
  #end: { readonly status: ReplyStatus; readonly message: Message } | undefined
  #lost = false

  constructor(replyId: string) {
    this.replyId = replyId
  }

  get text(): string {
    return this.#pieces.map((piece) => piece.text).join('')
  }

  push(text: string): void {
    if (text === '') return
    this.#pieces.push({ start: this.#length, text })
    this.#length += text.length
    this.#wake()
  }

  end(status: ReplyStatus, message: Message): void {
    this.#end = { status, message }
    this.#wake()
  }

  /** This process makes it no longer; followers have to look at what is stored. */
  lose(): void {
    this.#lost = true
    this.#wake()
  }

  /** Resolves when the reply has ended here, or is lost; at the latest after `waitMs`. */
  async over(waitMs: number): Promise<void> {
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), waitMs)
    while (this.#end === undefined && !this.#lost && !timeout.signal.aborted) await this.#change(timeout.signal)
    clearTimeout(timer)
  }

  /** @returns the position up to which it got, if the reply was lost; `undefined` after the end or the abort */
  async *follow(after: number, signal?: AbortSignal): AsyncGenerator<ReplyEvent, number | undefined> {
    checkPosition(this.replyId, after, this.#length)
    let position = after
    let index = this.#pieces.findIndex(({ start, text }) => start + text.length > position)
    if (index === -1) index = this.#pieces.length
    for (;;) {
      if (signal?.aborted === true) return undefined
      const piece = this.#pieces[index]
      if (piece !== undefined) {
        const text = tailOf(this.replyId, piece.text, position - piece.start)
        position = piece.start + piece.text.length
        index += 1
        yield { kind: 'text', text, cursor: position }
      } else if (this.#end !== undefined) {
        yield { kind: 'end', ...this.#end, cursor: position }
        return undefined
      } else if (this.#lost) return position
      else await this.#change(signal)
    }
  }

  #change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake)
      if (signal?.aborted === true) wake()
    })
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }
}

/** @throws OUT_OF_RANGE if a cursor is beyond what is there */
export function checkPosition(replyId: string, after: number, length: number): void {
  if (after <= length) return
  throw new HoldfastError(
    'OUT_OF_RANGE',
    `Reply ${replyId} has ${length} characters, fewer than ${after}: start again at 0`,
    {
      reason: 'CURSOR_BEYOND_REPLY',
      fields: [{ field: 'after', description: 'is beyond the reply' }],
      metadata: { replyId, length: String(length) },
    },
  )
}

/** The text from an offset on. Cursors never stand inside of a character, so one that does is not from here. */
export function tailOf(replyId: string, text: string, offset: number): string {
  if (offset === 0) return text
  if (isLowSurrogate(text, offset) && isHighSurrogate(text, offset - 1)) {
    throw new HoldfastError(
      'INVALID_ARGUMENT',
      `after is inside of a character of reply ${replyId}: pass a cursor unchanged`,
      {
        fields: [{ field: 'after', description: 'is not a cursor of this reply' }],
      },
    )
  }
  return text.slice(offset)
}

export function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  return unit >= 0xdc00 && unit <= 0xdfff
}
