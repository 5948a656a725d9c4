import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { DocumentStore } from '@holdfast/persistence'
import type { JobEvent } from '../job.js'
import type { JobKind } from '../job-kind.js'
import type { Jobs } from '../jobs.js'
import type { JobsOptions } from '../jobs-options.js'
import { openJobs } from '../open-jobs.js'

/** An empty document store and what ends it. */
export interface Fixture {
  readonly documents: DocumentStore
  stop(): Promise<void>
}

/** What the tests of one suite play on: one document store, and as many owners of jobs over it as there would be processes. */
export class Stage {
  readonly #start: () => Promise<Fixture>
  #opened: Jobs[] = []
  #fixture: Fixture | undefined

  constructor(start: () => Promise<Fixture>) {
    this.#start = start
  }

  async start(): Promise<void> {
    this.#fixture = await this.#start()
  }

  async stop(): Promise<void> {
    await this.closeAll()
    await this.#fixture?.stop()
  }

  async closeAll(): Promise<void> {
    const opened = this.#opened
    this.#opened = []
    await Promise.all(opened.map((jobs) => jobs.close()))
  }

  get documents(): DocumentStore {
    assert(this.#fixture)
    return this.#fixture.documents
  }

  /** Closed after the test. */
  async open(kinds: readonly JobKind[], options: Omit<JobsOptions, 'kinds'> = {}): Promise<Jobs> {
    const jobs = await openJobs(this.documents, { leaseMs: 10_000, pollMs: 100, drainMs: 100, ...options, kinds })
    this.#opened.push(jobs)
    return jobs
  }
}

/** Kinds of one test are another's in no other: all tests of a suite share a store. */
export function unique(prefix = 'kind'): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`
}

export async function eventsOf(jobs: Jobs, id: string, after = 0): Promise<JobEvent[]> {
  const events: JobEvent[] = []
  for await (const event of jobs.watch(id, { after })) events.push(event)
  return events
}

export function typesOf(events: readonly JobEvent[]): string[] {
  return events.map(({ type }) => type)
}

/** A promise and what settles it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** Waits until the signal aborts, as work does that heeds it. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

/** Waits until something holds that no event tells. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert(performance.now() < deadline, `did not become true within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
