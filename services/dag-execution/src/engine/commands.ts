import type { Log, TenantStore } from '@holdfast/persistence'
import type { Json } from '../graph/graph.js'

/** What is asked of a run from outside. Kept in a stream for each run, since only its owner writes the run's log. */
export type Command =
  | { readonly type: 'signal'; readonly name: string; readonly payload: Json }
  | { readonly type: 'cancel' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }

export function commandLog(store: Pick<TenantStore, 'log'>): Log<Command> {
  return store.log<Command>('dag-commands')
}

/** Tells all processes that a run wants to be looked at. What is lost here costs a second: owners look at the commands of their runs
 *  whenever they renew their leases. */
export class Bell {
  readonly #log: Log<{ readonly run: string }>
  readonly #stop = new AbortController()
  #listening: Promise<void> | undefined

  constructor(store: Pick<TenantStore, 'log'>) {
    this.#log = store.log('dag-bell', { retain: { olderThanMs: 3_600_000 } })
  }

  async ring(run: string): Promise<void> {
    await this.#log.append('all', [{ data: { run } }]).catch(() => undefined)
  }

  listen(onRing: (run: string) => void): void {
    this.#listening = this.#listen(onRing)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#listening
  }

  async #listen(onRing: (run: string) => void): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const { next } = await this.#log.head('all')
        for await (const { data } of this.#log.tail('all', { after: next - 1, signal })) onRing(data.run)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 1_000).unref())
      }
    }
  }
}
