import { createHash } from 'node:crypto'
import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import { type Job, type Jobs, openLineage } from '@holdfast/jobs'
import type { ClaimedDocument, Collection, DocumentStore, TenantStore } from '@holdfast/persistence'
import { blobPartType, type ConversationStore, type NewMessage, type Part } from '@holdfast/session'
import type { Transcript } from './transcript.js'

/** A recording whose transcript is to be filed. */
interface FilingRecord {
  readonly jobId: string
  readonly userId: string
  /** When to look at the job again. */
  readonly readyAt: number
}

export interface RecordingsOptions {
  readonly jobs: Jobs
  /** That of the jobs and of the conversations. */
  readonly store: DocumentStore
  /** Whose recordings; default: the store's own tenant. `jobs` and `conversations` have to be of the same. */
  readonly tenant?: string
  readonly conversations: ConversationStore
  /** Between two looks for recordings that other processes took in; default 2,000. */
  readonly pollMs?: number
  /** Told of what failed in the background and is tried again. */
  readonly onBackgroundError?: (doing: string, error: unknown) => void
}

export const filingsCollection = 'recording-filings'
export const recordingTag = 'recording'

const leaseMs = 15_000
/** Until another process looks at a job that one waits for. */
const elsewhereMs = 30_000
/** Until a job that failed is looked at again: it may be retried. */
const failedPauseMs = 600_000
const failurePauseMs = 5_000
// What is embedded of a message, and what a reader takes in at once.
const messageCharacters = 3_000
const messagesAtOnce = 100

/** Files what is said in users' recordings among what the users said: a conversation for each recording, in which search and recall find it, and
 *  with which it is exported, redacted and erased. What is to be filed is stored before the job is answered, so that it is done whichever process
 *  dies; it happens in the background, once for a recording and a user. */
export class FiledRecordings implements AsyncDisposable {
  readonly #options: RecordingsOptions
  readonly #scope: TenantStore
  readonly #filings: Collection<FilingRecord>
  readonly #stopped = new AbortController()
  readonly #noted = new Set<string>()
  readonly #ended = new Set<string>()
  #running: Promise<void> | undefined
  #again = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: RecordingsOptions) {
    this.#options = options
    this.#scope = options.tenant === undefined ? options.store : options.store.tenant(options.tenant)
    this.#filings = this.#scope.collection<FilingRecord>(filingsCollection, { indexes: [{ on: 'readyAt' }] })
    this.#schedule()
  }

  /** Resolves when it is stored that this is to be done. */
  async note({ id: jobId }: Job, userId: string): Promise<void> {
    const id = `${jobId}/${userId}`
    const readyAt = (await this.#options.store.now()).getTime() + elsewhereMs
    await this.#filings.put(id, { jobId, userId, readyAt })
    this.#noted.add(id)
    const ended = this.#options.jobs.wait(jobId, { signal: this.#stopped.signal })
    ended.then(
      () => {
        this.#ended.add(id)
        this.#wake()
      },
      () => undefined,
    )
  }

  /** Files what was noted here and has ended, and then no more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    for (const id of this.#noted) this.#ended.add(id)
    this.#wake()
    this.#stopped.abort()
    await this.#running
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #schedule(): void {
    const { pollMs = 2_000 } = this.#options
    this.#timer = setTimeout(() => {
      this.#wake()
      if (!this.#stopped.signal.aborted) this.#schedule()
    }, pollMs).unref()
  }

  #wake(): void {
    if (this.#stopped.signal.aborted) return
    this.#again = true
    this.#running ??= this.#fileAll().finally(() => {
      this.#running = undefined
    })
  }

  async #fileAll(): Promise<void> {
    const { onBackgroundError, store } = this.#options
    while (this.#again) {
      this.#again = false
      try {
        const now = (await store.now()).getTime()
        for (const id of this.#ended) {
          this.#ended.delete(id)
          this.#noted.delete(id)
          const claim = await this.#filings.claim({ _id: id }, { leaseMs })
          if (claim !== undefined) await this.#take(claim, now)
        }
        const due = { readyAt: { $lte: now } }
        for (;;) {
          const claim = await this.#filings.claim(due, { sort: { readyAt: 1 }, leaseMs })
          if (claim === undefined) break
          await this.#take(claim, now)
        }
      } catch (error) {
        onBackgroundError?.('Looking for transcripts to file', error)
      }
    }
  }

  async #take({ data, lease }: ClaimedDocument<FilingRecord>, now: number): Promise<void> {
    let next: number | undefined
    try {
      next = await this.#file(data)
    } catch (error) {
      this.#options.onBackgroundError?.(`Filing the transcript of job ${data.jobId}`, error)
      next = failurePauseMs
    }
    if (next === undefined) await lease.delete()
    else await lease.release({ set: { readyAt: now + next } })
  }

  /** @returns in how many milliseconds to look again; `undefined`: it is done */
  async #file({ jobId, userId }: FilingRecord): Promise<number | undefined> {
    const { conversations, jobs } = this.#options
    let job: Job
    try {
      job = await jobs.get(jobId)
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
    if (job.state === 'failed' || job.state === 'cancelled') return failedPauseMs
    if (job.state !== 'succeeded') return elsewhereMs
    const transcript = job.output as Transcript
    const id = recordingId(transcript.audio, userId)
    try {
      const audio = await this.#audioPart(transcript.audio)
      const name = audio.name === undefined ? '' : ` ${audio.name}`
      const on = job.createdAt.toISOString().slice(0, 10)
      // Its content is the same whoever makes it, and whenever: a job is one of several that heard the recording.
      await conversations
        .create({ id, userId, title: `Recording${name}, ${on}`, tags: [recordingTag] })
        .catch((error: unknown) => {
          if (asHoldfastError(error, 'Filing').code !== 'ALREADY_EXISTS') throw error
        })
      const messages = messagesOf(transcript, audio)
      for (let at = 0; at < messages.length; at += messagesAtOnce) {
        await conversations.append(id, messages.slice(at, at + messagesAtOnce))
      }
    } catch (error) {
      const { code, reason } = asHoldfastError(error, 'Filing')
      // The user does not want it, is gone, or has it: as another model heard it.
      if (reason === 'CONVERSATION_DELETED' || reason === 'USER_ERASED' || code === 'ALREADY_EXISTS') return undefined
      throw error
    }
    return undefined
  }

  async #audioPart(hash: string): Promise<Part & { readonly hash: string; readonly name?: string }> {
    const { store, tenant } = this.#options
    const { contentType } = (await this.#scope.blobs.stat(hash)) ?? { contentType: 'application/octet-stream' }
    const { name } = await openLineage(store).get(hash, tenant === undefined ? {} : { tenant })
    return { type: blobPartType(contentType), hash, contentType, ...(name === undefined ? {} : { name }) }
  }
}

/** The conversation of a recording of a user. */
export function recordingId(audio: string, userId: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([audio, userId]))
    .digest('hex')
  return `recording-${digest.slice(0, 32)}`
}

/** The recording with the first words of it, then the rest, whole segments together. */
function messagesOf({ segments, text, audio }: Transcript, recording: Part): NewMessage[] {
  const texts: string[] = []
  for (const segment of segments) {
    const last = texts.at(-1)
    if (last === undefined || last.length + segment.text.length > messageCharacters) texts.push(segment.text)
    else texts[texts.length - 1] = `${last} ${segment.text}`
  }
  if (texts.length === 0 && text !== '') texts.push(text)
  const [first, ...rest] = texts
  const heard: Part[] = first === undefined ? [] : [{ type: 'text', text: first, madeFrom: audio }]
  return [[recording, ...heard], ...rest.map((more): Part[] => [{ type: 'text', text: more }])].map((parts, n) => ({
    key: `heard-${n}`,
    role: 'user',
    parts,
  }))
}
