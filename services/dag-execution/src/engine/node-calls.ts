import { HoldfastError } from '@holdfast/errors'
import { type NodeExecutors, callKey } from '../executors/node-executor.js'
import type { JsonObject } from '../graph/graph.js'
import type { Call } from '../run/interpreter.js'
import { nodeError } from '../run/node-error.js'
import type { CallNews } from './call-news.js'
import { NodeCache } from './node-cache.js'
import { asNodeSpan } from './node-span.js'

/** How long a call that is told to stop may take until it counts as stopped. */
const graceMs = 2_000
const allowsLargestTimerMs = 2_147_483_647

export interface CallsOptions {
  readonly run: string
  readonly tenant: string
  readonly executors: NodeExecutors
  readonly cache: NodeCache
  readonly tell: (news: CallNews) => void
}

/** The calls of one run that this process makes. */
export class NodeCalls {
  readonly #options: CallsOptions
  readonly #running = new Map<string, AbortController>()
  #isReleased = false

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** @param since when the attempt began, in milliseconds since 1970: its time limit counts from then. Default: now */
  start({ node, attempt, unit }: Call, input: JsonObject, since: number = Date.now()): void {
    if (this.#isReleased) return
    const control = new AbortController()
    this.#running.set(node, control)
    const { source } = unit.task.node
    const make = (): Promise<CallNews> => this.#make({ node, attempt }, { control, input, source, since })
    void asNodeSpan({ run: this.#options.run, type: source.type, attempt }, make).then((news) => {
      if (this.#running.get(node) !== control) return
      this.#running.delete(node)
      if (!this.#isReleased) this.#options.tell(news)
    })
  }

  /** Tells a call to stop; it is then told of as cancelled, after a grace if it does not listen. */
  cancel(node: string): void {
    const control = this.#running.get(node)
    if (control?.signal.aborted === false) control.abort(new HoldfastError('CANCELLED', 'The run is being stopped'))
  }

  /** Lets go of all calls without a word: another process makes them again, under the same keys. */
  release(): void {
    this.#isReleased = true
    for (const node of this.#running.keys()) this.cancel(node)
    this.#running.clear()
  }

  async #make(
    { node, attempt }: { readonly node: string; readonly attempt: number },
    {
      control,
      input,
      source,
      since,
    }: {
      readonly control: AbortController
      readonly input: JsonObject
      readonly source: Call['unit']['task']['node']['source']
      readonly since: number
    },
  ): Promise<CallNews> {
    const { run, tenant, executors, cache, tell } = this.#options
    const { type, timeoutMs } = source
    const { signal } = control
    let timer: NodeJS.Timeout | undefined
    try {
      const executor = executors[type]
      if (executor === undefined) {
        throw new HoldfastError('FAILED_PRECONDITION', `Nothing here runs nodes of type ${type}: configure what does`, {
          reason: 'NO_EXECUTOR',
        })
      }
      const cacheKey = source.cache ? NodeCache.key(type, input) : undefined
      if (cacheKey !== undefined) {
        // A cache that cannot be read, or names what is gone, has nothing.
        const outputs = await cache.find(cacheKey).catch(() => undefined)
        if (outputs !== undefined) return { type: 'completed', node, attempt, outputs, from: 'cache' }
      }
      if (timeoutMs !== undefined) {
        const leftMs = since + timeoutMs - Date.now()
        if (leftMs <= 0) throw tookTooLong(node, timeoutMs)
        const late = () => control.abort(tookTooLong(node, timeoutMs))
        timer = setTimeout(late, Math.min(leftMs, allowsLargestTimerMs))
      }
      const work = executor({
        key: callKey(run, node, attempt),
        run,
        tenant,
        node,
        type,
        attempt,
        input,
        signal,
        ...(timeoutMs === undefined ? {} : { deadline: new Date(since + timeoutMs) }),
        report: (progress) => {
          if (!this.#isReleased && this.#running.get(node) === control)
            tell({ type: 'progress', node, attempt, progress })
        },
      })
      const outputs = await Promise.race([work, stopped(signal)])
      // What was done is done, kept for others or not.
      if (cacheKey !== undefined) await cache.keep(cacheKey, outputs).catch(() => undefined)
      return { type: 'completed', node, attempt, outputs }
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error
      if (reason instanceof HoldfastError && reason.code === 'CANCELLED' && signal.aborted)
        return { type: 'cancelled', node, attempt }
      return { type: 'failed', node, attempt, error: nodeError(reason) }
    } finally {
      clearTimeout(timer)
    }
  }
}

function tookTooLong(node: string, timeoutMs: number): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', `${node} took longer than ${timeoutMs} ms`, { reason: 'NODE_TIMEOUT' })
}

/** Rejects some time after the signal, for work that does not listen to it. */
function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason as Error), graceMs).unref(), {
      once: true,
    })
  })
}
