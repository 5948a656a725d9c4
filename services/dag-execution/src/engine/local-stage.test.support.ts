import { after } from 'node:test'
import type { DocumentStore, TenantStore } from '@holdfast/persistence'
import type { OpenStage, Stage } from '../conformance/index.js'
import type { NodeExecutor } from '../executors/node-executor.js'
import { type LocalEngine, openLocalEngine } from './local-engine.js'

/** An engine on a store. @param another the same data once more, as another process has it; default: the same store */
export async function localStage(
  store: TenantStore,
  { custom, maxRuns }: { readonly custom: NodeExecutor; readonly maxRuns?: number },
  another: () => Promise<TenantStore> = async () => store,
): Promise<Stage> {
  const engines: LocalEngine[] = []
  const openOn = async (on: TenantStore) => {
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
    another: async () => openOn(await another()),
    stop: (engine) => (engine as LocalEngine).close(),
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine.close()
    },
  }
}

/** Engines on stores that take long to open: each is on a tenant of its own.
 *  @param open called once, and once more where a second process is asked for, if there can be one */
export function stagesOfTenants(
  open: () => Promise<DocumentStore>,
  { processes }: { readonly processes: 1 | 2 },
): OpenStage {
  const opened: Promise<DocumentStore>[] = []
  const store = (place: number) => (opened[place] ??= open())
  let stages = 0
  after(async () => {
    for (const one of await Promise.all(opened)) await one.close()
  })
  return async (options) => {
    stages += 1
    const tenant = `stage-${stages}`
    const other = async () => (await store(processes - 1)).tenant(tenant)
    return localStage((await store(0)).tenant(tenant), options, other)
  }
}
