import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Collection, TenantStore } from '@holdfast/persistence'
import { GraphVersions } from './engine/graph-versions.js'
import { compileGraph } from './graph/compile.js'
import { bundleGraph } from './graph/graph-version.js'
import type { Json } from './graph/graph.js'
import { readGraphText } from './graph/parse-graph.js'
import type { GraphProblem } from './graph/problems.js'

export interface StoredGraph {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly graph: Json
  readonly createdAt: Date
}

interface Named {
  readonly version: string
  readonly description: string
}

/** Graphs by their names, each with its newest version. */
export class Graphs {
  readonly #names: Collection<Named>
  readonly #versions: GraphVersions

  constructor(store: Pick<TenantStore, 'collection'>) {
    this.#names = store.collection('dag-graphs')
    this.#versions = new GraphVersions(store)
  }

  /** What is wrong with a graph; nothing: it is valid. */
  async problems(text: string): Promise<readonly GraphProblem[]> {
    return problemsOf(async () => compileGraph(await this.read(text)))
  }

  /** A graph with those within in the place of their names. @throws INVALID_ARGUMENT (GRAPH_NOT_READABLE, GRAPH_INVALID) */
  async read(text: string): Promise<Json> {
    return bundleGraph(readGraphText(text), async (name) => {
      const found = await this.#names.get(name)
      if (found === undefined) {
        throw new HoldfastError(
          'INVALID_ARGUMENT',
          `The graph is not valid: there is no graph ${name} to run within it`,
          {
            reason: 'GRAPH_INVALID',
            fields: [{ field: 'nodes', description: `name the graph ${name}, which is not there` }],
          },
        )
      }
      return (await this.#versions.get(found.data.version)).graph
    })
  }

  /** Keeps a graph as the newest version of its name. */
  async create(text: string): Promise<StoredGraph> {
    const { version, compiled, graph } = await this.#versions.keep(await this.read(text))
    const { name, description = '' } = compiled.source
    const stored = await this.#names.get(name)
    const named = stored?.data.version === version ? stored : await this.#names.put(name, { version, description })
    return { name, version, description, graph, createdAt: named.updatedAt }
  }

  /** @throws NOT_FOUND */
  async get(name: string, version?: string): Promise<StoredGraph> {
    if (name === '') throw invalidField('name', 'must not be empty')
    const named = await this.#names.get(name)
    if (named === undefined && version === undefined) throw noGraph(name)
    const wanted = version ?? named?.data.version ?? ''
    const { compiled, graph } = await this.#versions.get(wanted)
    if (compiled.source.name !== name) throw noGraph(`${name} of version ${wanted}`)
    const { description = '' } = compiled.source
    return { name, version: wanted, description, graph, createdAt: named?.updatedAt ?? new Date(0) }
  }

  async list({ limit = 50, cursor }: { readonly limit?: number; readonly cursor?: string } = {}): Promise<{
    readonly graphs: readonly Omit<StoredGraph, 'graph'>[]
    readonly next?: string
  }> {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 500)
      throw invalidField('limit', 'must be a whole number from 1 to 500')
    const page = await this.#names.find({}, { limit, ...(cursor === undefined ? {} : { after: cursor }) }).page()
    const graphs = page.items.map(({ id, data, updatedAt }) => ({ name: id, ...data, createdAt: updatedAt }))
    return { graphs, ...(page.next === undefined ? {} : { next: page.next }) }
  }

  /** Takes the name away. Its versions stay, for the runs that have them. */
  async delete(name: string): Promise<void> {
    await this.#names.deleteOne(name)
  }
}

/** What is wrong with a graph that is not kept anywhere, and has no graphs within but its own. */
export async function graphProblems(text: string): Promise<readonly GraphProblem[]> {
  return problemsOf(() => compileGraph(readGraphText(text)))
}

async function problemsOf(check: () => unknown): Promise<readonly GraphProblem[]> {
  try {
    await check()
    return []
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'INVALID_ARGUMENT') throw error
    if (error.fields.length === 0) return [{ path: '', message: error.message }]
    return error.fields.map(({ field, description }) => ({ path: field, message: description }))
  }
}

function noGraph(name: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no graph ${name}`, { reason: 'GRAPH_NOT_FOUND' })
}
