import { HoldfastError } from '@holdfast/errors'
import type { TranscriptSegment } from '@holdfast/models'
import { randomUUID } from 'node:crypto'

export type LiveEvent =
  | { readonly type: 'interim'; readonly startMs: number; readonly text: string }
  | { readonly type: 'segment'; readonly segment: TranscriptSegment }

/** Audio that somebody is sending, between the call that receives it and the job that hears it. */
export class LiveStream {
  readonly id: string = randomUUID()
  readonly wantsInterim: boolean
  readonly #audio: AsyncIterable<Uint8Array>
  readonly #events: LiveEvent[] = []
  #wake: (() => void) | undefined
  #isTaken = false
  #isOver = false

  constructor(audio: AsyncIterable<Uint8Array>, wantsInterim: boolean) {
    this.#audio = audio
    this.wantsInterim = wantsInterim
  }

  /** @throws FAILED_PRECONDITION the second time: what was heard once cannot be heard again */
  takeAudio(): AsyncIterable<Uint8Array> {
    if (this.#isTaken) {
      throw new HoldfastError('FAILED_PRECONDITION', 'The audio of a stream cannot be heard again: send it anew', {
        reason: 'STREAM_LOST',
      })
    }
    this.#isTaken = true
    return this.#audio
  }

  emit(event: LiveEvent): void {
    // Of what only replaces what was before it, the last is enough.
    if (event.type === 'interim' && this.#events.at(-1)?.type === 'interim') this.#events.pop()
    this.#events.push(event)
    this.#wake?.()
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  async *events(): AsyncGenerator<LiveEvent, void, undefined> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) {
        yield event
        continue
      }
      if (this.#isOver) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** The streams that this process receives. */
export class LiveStreams {
  readonly #streams = new Map<string, LiveStream>()

  get size(): number {
    return this.#streams.size
  }

  open(audio: AsyncIterable<Uint8Array>, wantsInterim: boolean): LiveStream {
    const stream = new LiveStream(audio, wantsInterim)
    this.#streams.set(stream.id, stream)
    return stream
  }

  /** @throws ABORTED if another process receives it: the job goes back, until that one takes it */
  find(id: string): LiveStream {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return stream
    throw new HoldfastError('ABORTED', 'The audio of this job arrives at another process, or is no longer sent', {
      reason: 'STREAM_ELSEWHERE',
    })
  }

  close(stream: LiveStream): void {
    this.#streams.delete(stream.id)
    stream.end()
  }
}
