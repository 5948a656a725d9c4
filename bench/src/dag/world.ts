import { type JsonObject, type LocalEngine, type NodeExecutor, openLocalEngine } from '@holdfast/dag-execution'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import type { PostgresServer } from '@holdfast/test-servers'
import type { Figures } from '../figures.js'

export interface DagWorld extends Figures {
  readonly postgres: PostgresServer
  readonly rounds: number
}

export interface OpenedEngine extends AsyncDisposable {
  readonly store: DocumentStore
  readonly engine: LocalEngine
}

/** An engine on a database, its `custom` nodes done by `custom`. */
export async function openEngine(
  url: string,
  custom: NodeExecutor,
  options: { readonly maxActive?: number } = {},
): Promise<OpenedEngine> {
  const store = await openDocumentStore(url)
  const engine = await openLocalEngine(store, { executors: { custom }, ...options })
  return {
    store,
    engine,
    async [Symbol.asyncDispose]() {
      await engine.close()
      await store.close()
    },
  }
}

export const nothing: NodeExecutor = async () => ({ output: 1 })

export function customNode(id: string, input: JsonObject[string], more: JsonObject = {}): JsonObject {
  return { id, type: 'custom', with: { service: 'bench', input }, ...more }
}

export const outputOf = (id: string): string => '${{ nodes.' + id + '.output }}'
