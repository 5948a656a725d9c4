import type { ExecutionEngine } from '../engine/execution-engine.js'
import type { NodeCall, NodeExecutor } from '../executors/node-executor.js'
import type { Json } from '../graph/graph.js'
import type { Outputs, RunEvent } from '../run/events.js'

/** An engine whose `custom` nodes do what a test says. */
export interface Stage extends AsyncDisposable {
  readonly engine: ExecutionEngine
  /** Another engine on the same data, as another process has it; `undefined`: there cannot be one. */
  another(): Promise<ExecutionEngine | undefined>
  /** Ends an engine as if its process had died, but that calls of it that were made are made. */
  stop(engine: ExecutionEngine): Promise<void>
}

export type OpenStage = (options: { readonly custom: NodeExecutor; readonly maxRuns?: number }) => Promise<Stage>

/** A service that answers when a test says so. */
export class Puppet {
  readonly calls: NodeCall[] = []
  readonly #waiting = new Map<string, { resolve: (outputs: Outputs) => void; reject: (error: unknown) => void }>()
  #wake: (() => void) | undefined

  readonly execute: NodeExecutor = (call) => {
    this.calls.push(call)
    return new Promise<Outputs>((resolve, reject) => {
      const asked = { resolve, reject }
      this.#waiting.set(call.node, asked)
      const giveUp = () => {
        if (this.#waiting.get(call.node) === asked) this.#waiting.delete(call.node)
        reject(call.signal.reason as Error)
      }
      call.signal.addEventListener('abort', giveUp, { once: true })
      this.#wake?.()
    })
  }

  /** Waits until a node is asked. */
  async asked(node: string): Promise<void> {
    while (!this.#waiting.has(node)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async answer(node: string, output: Json): Promise<void> {
    await this.asked(node)
    const waiting = this.#waiting.get(node)
    this.#waiting.delete(node)
    waiting?.resolve({ output })
  }

  async fail(node: string, error: Error): Promise<void> {
    await this.asked(node)
    const waiting = this.#waiting.get(node)
    this.#waiting.delete(node)
    waiting?.reject(error)
  }
}

export const echo: NodeExecutor = async ({ input }) => ({ output: input['input'] ?? null })

/** A node that the puppet, or whatever the stage was opened with, is asked for. */
export function custom(
  id: string,
  input: Json,
  more: { readonly [member: string]: Json } = {},
): { readonly [member: string]: Json } {
  return { id, type: 'custom', with: { service: 's', input }, ...more }
}

export async function eventsOf(engine: ExecutionEngine, id: string, after = 0): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const { event } of engine.subscribe(id, { after })) events.push(event)
  return events
}
