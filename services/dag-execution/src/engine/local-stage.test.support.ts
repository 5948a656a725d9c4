import type { DocumentStore } from '@holdfast/persistence'
import type { Stage } from '../conformance/index.js'
import type { NodeExecutor } from '../executors/node-executor.js'
import { type LocalEngine, openLocalEngine } from './local-engine.js'

/** An engine on a store of its own. @param another opens the same data once more */
export async function localStage(
  store: DocumentStore,
  { custom, maxRuns }: { readonly custom: NodeExecutor; readonly maxRuns?: number },
  another?: () => Promise<DocumentStore>,
  dispose?: () => Promise<void>,
): Promise<Stage> {
  const stores = [store]
  const engines: LocalEngine[] = []
  const openOn = async (on: DocumentStore) => {
    const engine = await openLocalEngine(on, {
      executors: { custom },
      leaseMs: 600,
      pollMs: 100,
      ...(maxRuns === undefined ? {} : { maxRuns }),
    })
    engines.push(engine)
    return engine
  }
  return {
    engine: await openOn(store),
    async another() {
      const next = another === undefined ? store : await another()
      if (next !== store) stores.push(next)
      return openOn(next)
    },
    stop: (engine) => (engine as LocalEngine).close(),
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine.close()
      for (const one of stores) await one.close()
      await dispose?.()
    },
  }
}
