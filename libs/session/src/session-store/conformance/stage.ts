import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import type { HoldfastError } from '@holdfast/errors'
import type { SessionStore } from '../session-store.js'

/** An empty place for sessions, and as many stores over it as there are processes. */
export interface SessionFixture {
  /** Each of them is what another process would open. The suite closes what it opens. */
  open(): Promise<SessionStore>
  stop(): Promise<void>
}

export interface SessionConformanceOptions {
  /** What this kind of store lacks, with the reason: shown as a skip. */
  readonly lacks?: {
    /** Lifetimes: `ttlMs`. */
    readonly expiry?: string
    /** More than one process at a time. */
    readonly processes?: string
  }
}

/** What the tests of one suite play on. */
export class SessionStage {
  readonly #start: () => Promise<SessionFixture>
  readonly #lacks: NonNullable<SessionConformanceOptions['lacks']>
  readonly #opened: SessionStore[] = []
  #fixture: SessionFixture | undefined
  #store: SessionStore | undefined

  constructor(start: () => Promise<SessionFixture>, { lacks = {} }: SessionConformanceOptions) {
    this.#start = start
    this.#lacks = lacks
  }

  async start(): Promise<void> {
    this.#fixture = await this.#start()
    this.#store = await this.open()
  }

  async stop(): Promise<void> {
    for (const store of this.#opened) await store.close()
    await this.#fixture?.stop()
  }

  get store(): SessionStore {
    assert(this.#store)
    return this.#store
  }

  async open(): Promise<SessionStore> {
    assert(this.#fixture)
    const store = await this.#fixture.open()
    this.#opened.push(store)
    return store
  }

  it(name: string, run: () => Promise<void>, needs?: keyof NonNullable<SessionConformanceOptions['lacks']>): void {
    const lack = needs === undefined ? undefined : this.#lacks[needs]
    it(name, { skip: lack ?? false }, run)
  }
}

export function unique(prefix = 'key'): string {
  return `${prefix}-${randomUUID()}`
}

export async function rejectsWith(
  promise: Promise<unknown>,
  code: HoldfastError['code'],
  says?: RegExp,
): Promise<HoldfastError> {
  let error: HoldfastError | undefined
  try {
    await promise
  } catch (caught) {
    error = caught as HoldfastError
  }
  assert(error, `should have failed with ${code}`)
  assert.equal(error.code, code, error.stack)
  if (says !== undefined) assert.match(error.message, says)
  return error
}

/** Waits until something holds that no event tells. */
export async function until(condition: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert(performance.now() < deadline, `did not become true within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
