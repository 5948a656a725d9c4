export interface SpokenChunk {
  readonly bytes: Uint8Array
  readonly sentence: number
  /** With the first chunk of a sentence. */
  readonly text?: string
}

/** What a job that runs here has made so far. Whoever listens gets it from the beginning; nobody has to. */
export class LiveSpeech {
  readonly #chunks: SpokenChunk[] = []
  readonly #waiting = new Set<() => void>()
  readonly #maxBytes: number
  #bytes = 0
  #isOver = false
  #isFull = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(chunk: SpokenChunk): void {
    this.#bytes += chunk.bytes.length
    // What is more than that is heard from what was stored.
    if (this.#bytes > this.#maxBytes) this.#isFull = true
    if (!this.#isFull) this.#chunks.push(chunk)
    this.#tell()
  }

  end(): void {
    this.#isOver = true
    this.#tell()
  }

  /** All that was made, once it is over; `undefined`: it is not, or more was made than is kept. */
  whole(): Buffer | undefined {
    return this.#isOver && !this.#isFull ? Buffer.concat(this.#chunks.map(({ bytes }) => bytes)) : undefined
  }

  /** Ends when the job has ended, or makes more than is kept. */
  async *chunks(signal: AbortSignal): AsyncGenerator<SpokenChunk, void, undefined> {
    for (let next = 0; !signal.aborted;) {
      const chunk = this.#chunks[next]
      if (chunk !== undefined) {
        next += 1
        yield chunk
        continue
      }
      if (this.#isOver || this.#isFull) return
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
  }

  #tell(): void {
    for (const wake of this.#waiting) wake()
  }
}

/** How long what was made is kept for the answer, which need not read it back then. */
const lingerMs = 1_000

/** Of all jobs that run in this process. */
export class LiveSpeeches {
  readonly #speeches = new Map<string, LiveSpeech>()
  readonly #maxBytes: number
  #running = 0

  constructor(maxBytes: number = 64 * 1024 * 1024) {
    this.#maxBytes = maxBytes
  }

  /** Of those that are being made. */
  get size(): number {
    return this.#running
  }

  begin(jobId: string): LiveSpeech & Disposable {
    const speech = new LiveSpeech(this.#maxBytes)
    this.#speeches.set(jobId, speech)
    this.#running += 1
    return Object.assign(speech, {
      [Symbol.dispose]: () => {
        speech.end()
        this.#running -= 1
        setTimeout(() => {
          if (this.#speeches.get(jobId) === speech) this.#speeches.delete(jobId)
        }, lingerMs).unref()
      },
    })
  }

  find(jobId: string): LiveSpeech | undefined {
    return this.#speeches.get(jobId)
  }
}
