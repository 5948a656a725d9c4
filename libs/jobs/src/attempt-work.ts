import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import { encodeJson } from '@holdfast/persistence'
import type { AttemptEvents } from './attempt-events.js'
import { addUsage } from './cost.js'
import { deadlineExceeded, timedOut } from './failures.js'
import type { JobProgress } from './job.js'
import type { JobUsage } from './job-model.js'
import type { JobContext, JobKind, OutputOptions } from './job-kind.js'
import type { Artifact } from './lineage/artifact.js'
import type { JobDocument } from './record.js'
import type { TenantTables } from './tables.js'

/** setTimeout takes no more. */
const longestTimerMs = 2 ** 31 - 1

/** The kind's own work within an attempt: its signal, its time limits, and what it made and used. */
export class AttemptWork {
  readonly id: string
  readonly kind: string
  readonly tenant: string
  readonly attempt: number
  readonly deadline?: Date
  readonly inputs: readonly string[]
  readonly store: TenantTables['scope']
  readonly outputs: Artifact[] = []
  /** What the work says of where its input comes from: artifacts to be kept, and the ids of all. */
  readonly sources: Artifact[] = []
  readonly sourceIds: Set<string> = new Set()
  /** Resolves when the work is told to end. */
  readonly aborted: Promise<void>
  input: unknown
  used: JobUsage | undefined
  /** Resolves when the work has come to its end. */
  settled: Promise<unknown> = Promise.resolve()
  isSettled = true
  /** Whether the computation ended soon after it was told to; `undefined`: it was not under way. */
  stopped: boolean | undefined
  /** Why the signal aborted. */
  reason: HoldfastError | undefined
  readonly #kind: JobKind
  readonly #events: AttemptEvents
  readonly #stopMs: number
  readonly #canStop: boolean
  /** Made when somebody asks for the signal: little work does. */
  #controller: AbortController | undefined
  #tellAborted: () => void = () => undefined
  readonly #timers: NodeJS.Timeout[] = []
  #isOver = false

  constructor(kind: JobKind, tables: TenantTables, { id, data }: JobDocument, events: AttemptEvents, stopMs: number) {
    this.id = id
    this.kind = data.kind
    this.tenant = tables.tenant
    this.attempt = data.attempt
    this.inputs = data.inputs
    this.store = tables.scope
    if (data.deadline !== undefined) this.deadline = new Date(data.deadline)
    this.used = undefined
    this.#kind = kind
    this.#events = events
    this.#stopMs = stopMs
    this.#canStop = data.model?.canStop !== false
    this.aborted = new Promise((resolve) => (this.#tellAborted = resolve))
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.reason !== undefined) this.#controller.abort(this.reason)
    }
    return this.#controller.signal
  }

  abort(reason: HoldfastError): void {
    if (this.reason !== undefined || this.#isOver) return
    this.reason = reason
    this.#controller?.abort(reason)
    this.#tellAborted()
  }

  /** @throws what the work throws, or why it was aborted, then at most `stopMs` later */
  async run(input: unknown, deadlineInMs: number | undefined): Promise<unknown> {
    this.input = input
    if (this.reason !== undefined) throw this.reason
    const { timeoutMs } = this.#kind
    if (timeoutMs !== undefined) this.#abortIn(timeoutMs, () => timedOut(this.id, timeoutMs))
    if (deadlineInMs !== undefined) this.#abortIn(deadlineInMs, () => deadlineExceeded(this.id))
    const work = (async () => this.#kind.run(copyOf(input), this.#context()))()
    this.isSettled = false
    const settle = (): void => {
      this.isSettled = true
    }
    this.settled = work.then(settle, settle)
    try {
      return await new Promise((resolve, reject) => {
        // The work may end well although it was told to end: then it has. Otherwise let it be seen whether the computation ended.
        const fail = (error: unknown): void => {
          if (this.reason === undefined) reject(asHoldfastError(error, `Job ${this.id}`))
        }
        work.then(resolve, fail)
        void this.aborted.then(async () => reject(await this.#whyStopped()))
      })
    } finally {
      this.#isOver = true
    }
  }

  /** When the work has heeded its signal, or had its time to. */
  async #whyStopped(): Promise<HoldfastError> {
    await Promise.race([this.settled, new Promise((resolve) => this.#timers.push(setTimeout(resolve, this.#stopMs)))])
    this.stopped = this.isSettled && this.#canStop
    return this.reason ?? new HoldfastError('INTERNAL', 'The work was aborted')
  }

  /** Nothing that the work says from now on counts. */
  end(): void {
    this.#isOver = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  report(progress: JobProgress): void {
    if (this.#isOver) return
    const { fraction, stage, detail } = progress
    if (fraction !== undefined && !(fraction >= 0 && fraction <= 1)) throw invalidField('fraction', 'must be 0 to 1')
    if (detail !== undefined) encodeJson(detail, 'detail')
    this.#events.add({
      type: 'progress',
      ...(fraction === undefined ? {} : { fraction }),
      ...(stage === undefined ? {} : { stage }),
      ...(detail === undefined ? {} : { detail }),
    })
  }

  put(data: unknown): void {
    if (this.#isOver) return
    encodeJson(data, 'data')
    this.#events.add({ type: 'output', data })
  }

  async addOutput(content: Uint8Array | AsyncIterable<Uint8Array>, options: OutputOptions): Promise<Artifact> {
    checkOutput(options)
    const { contentType, head } = options
    const blob = await this.store.blobs.put(content, {
      contentType,
      signal: this.signal,
      ...(head === undefined ? {} : { head }),
    })
    return this.linkOutput(blob, options)
  }

  async addInput(content: Uint8Array, options: Omit<OutputOptions, 'head'>): Promise<Artifact> {
    const { role, contentType, name } = checkOutput(options)
    const { hash: id, sizeBytes } = await this.store.blobs.put(content, { contentType, signal: this.signal })
    const common = { id, role, contentType, sizeBytes, createdAt: new Date(), inputs: [] }
    const artifact: Artifact = { ...common, ...(name === undefined ? {} : { name }) }
    if (!this.sourceIds.has(id)) this.sources.push(artifact)
    this.linkInput(id)
    return artifact
  }

  linkInput(id: string): void {
    this.sourceIds.add(id)
  }

  linkOutput(blob: { readonly hash: string; readonly sizeBytes: number }, options: OutputOptions): Artifact {
    const { role, contentType, name } = checkOutput(options)
    const artifact: Artifact = {
      id: blob.hash,
      role,
      contentType,
      sizeBytes: blob.sizeBytes,
      ...(name === undefined ? {} : { name }),
      createdAt: new Date(),
      jobId: this.id,
      jobKind: this.kind,
      inputs: this.inputs,
    }
    if (!this.outputs.some(({ id }) => id === artifact.id)) this.outputs.push(artifact)
    return artifact
  }

  usage(used: JobUsage): void {
    if (!this.#isOver) this.used = addUsage(this.used, used)
  }

  /** For the kind, whose code may take it apart. */
  #context(): JobContext {
    const { id, kind, tenant, attempt, deadline, inputs, store } = this
    const signal = (): AbortSignal => this.signal
    return {
      id,
      kind,
      tenant,
      attempt,
      get signal() {
        return signal()
      },
      ...(deadline === undefined ? {} : { deadline }),
      inputs,
      store,
      report: (progress) => this.report(progress),
      put: (data) => this.put(data),
      addOutput: (content, options) => this.addOutput(content, options),
      linkOutput: (blob, options) => this.linkOutput(blob, options),
      addInput: (content, options) => this.addInput(content, options),
      linkInput: (id) => this.linkInput(id),
      usage: (used) => this.usage(used),
    }
  }

  #abortIn(ms: number, reason: () => HoldfastError): void {
    this.#timers.push(setTimeout(() => this.abort(reason()), Math.min(longestTimerMs, Math.max(0, ms))))
  }
}

function checkOutput(options: OutputOptions): OutputOptions {
  const { role, contentType } = options
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(role)) {
    throw invalidField('role', 'must be 1 to 64 lower-case letters, digits and hyphens')
  }
  if (contentType === '') throw invalidField('contentType', 'must not be empty')
  return options
}

/** Of JSON, which the kind may change. */
const copyOf = (input: unknown): unknown =>
  typeof input === 'object' && input !== null ? structuredClone(input) : input
