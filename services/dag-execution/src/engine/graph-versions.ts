import { HoldfastError } from '@holdfast/errors'
import type { Collection, TenantStore } from '@holdfast/persistence'
import { type CompiledGraph, compileGraph } from '../graph/compile.js'
import { contentHash } from '../graph/graph-version.js'
import type { Json } from '../graph/graph.js'

export interface GraphVersion {
  /** The hash of its content. */
  readonly version: string
  readonly graph: Json
  readonly compiled: CompiledGraph
}

const maxKnown = 200

/** Graphs by the hash of their content, kept for good: a run goes on with the graph that it started with, whatever becomes of its name. */
export class GraphVersions {
  readonly #versions: Collection<{ readonly name: string; readonly graph: Json }>
  readonly #known = new Map<string, GraphVersion>()
  readonly #stored = new Set<string>()

  constructor(store: Pick<TenantStore, 'collection'>) {
    this.#versions = store.collection('dag-graph-versions', { indexes: [{ on: 'name' }] })
  }

  /** @throws INVALID_ARGUMENT (GRAPH_INVALID) */
  async keep(graph: Json): Promise<GraphVersion> {
    const version = contentHash(graph)
    const known = this.#known.get(version) ?? this.#remember({ version, graph, compiled: compileGraph(graph) })
    if (this.#stored.has(version)) return known
    const { name } = known.compiled.source
    try {
      await this.#versions.insertOne({ name, graph }, { id: version })
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'ALREADY_EXISTS') throw error
    }
    this.#stored.add(version)
    return known
  }

  /** @throws NOT_FOUND */
  async get(version: string): Promise<GraphVersion> {
    const known = this.#known.get(version)
    if (known !== undefined) return known
    const found = await this.#versions.get(version)
    if (found === undefined) throw new HoldfastError('NOT_FOUND', `There is no version ${version} of a graph`)
    const { graph } = found.data
    return this.#remember({ version, graph, compiled: compileGraph(graph) })
  }

  #remember(found: GraphVersion): GraphVersion {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= maxKnown && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(found.version, found)
    return found
  }
}
