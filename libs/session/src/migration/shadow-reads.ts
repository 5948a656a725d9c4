import type { SqlDriver } from '@holdfast/persistence/sql'

const atOnce = 32
const flushMs = 500

/** Counts of all processes. */
export const addShadowReads = `insert into holdfast_session_steps as s (step, data, changed_at)
  values ('shadow', jsonb_build_object('reads', $1::bigint, 'different', $2::bigint), now())
  on conflict (step) do update set changed_at = now(), data = jsonb_build_object(
    'reads', (s.data->>'reads')::bigint + $1::bigint, 'different', (s.data->>'different')::bigint + $2::bigint)`

/** Reads in service, asked of the other store as well; nobody waits for them. When there are too many, some are left out. */
export class ShadowReads {
  readonly #driver: SqlDriver
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #reads = 0
  #different = 0
  #timer: NodeJS.Timeout | undefined

  constructor(driver: SqlDriver) {
    this.#driver = driver
  }

  /** @param compare whether both answer the same; `undefined`: it cannot be told */
  run(compare: () => Promise<boolean | undefined>): void {
    if (this.#running.size >= atOnce) return
    const running: Promise<void> = compare().then(
      (same) => {
        if (same === undefined) return
        this.#reads += 1
        if (!same) this.#different += 1
        this.#timer ??= setTimeout(() => void this.#flush(), flushMs).unref()
      },
      () => undefined,
    )
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  /** Until then, or until it is closed. */
  async pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(end, ms)
      const { signal } = this.#stop
      signal.addEventListener('abort', end, { once: true })
      function end(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
    await this.#flush()
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const [reads, different] = [this.#reads, this.#different]
    if (reads === 0) return
    this.#reads = 0
    this.#different = 0
    await this.#driver.query({ text: addShadowReads, values: [reads, different] }).catch(() => {
      this.#reads += reads
      this.#different += different
    })
  }
}
