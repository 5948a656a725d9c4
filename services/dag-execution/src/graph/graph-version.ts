import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import { type Json, isObject } from './graph.js'

/** JSON with the members of objects in order, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (isObject(value)) {
    const members = Object.keys(value)
      .filter((name) => value[name] !== undefined)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`)
    return `{${members.join(',')}}`
  }
  return JSON.stringify(value)
}

/** The sha256 of a value's canonical JSON, as 64 hexadecimal digits. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

/** Puts graphs in the place of their names, so that a version holds all that a run of it needs.
 *  @param find the graph of a name. @throws NOT_FOUND from `find`; INVALID_ARGUMENT (GRAPH_INVALID) if graphs contain each other */
export async function bundleGraph(value: unknown, find: (name: string) => Promise<unknown>): Promise<Json> {
  const bundle = async (graph: unknown, within: readonly string[]): Promise<unknown> => {
    if (!isObject(graph) || !Array.isArray(graph['nodes'])) return graph
    const nodes: unknown[] = []
    for (const node of graph['nodes'] as unknown[]) {
      if (
        !isObject(node) ||
        !isObject(node['with']) ||
        !(node['type'] === 'sub-graph' || node['type'] === 'for-each')
      ) {
        nodes.push(node)
        continue
      }
      const { graph: inner } = node['with']
      const named = typeof inner === 'string'
      if (named && within.includes(inner)) {
        const way = [...within.slice(within.indexOf(inner)), inner].join(' → ')
        throw new HoldfastError('INVALID_ARGUMENT', `The graph is not valid: graphs contain each other: ${way}`, {
          reason: 'GRAPH_INVALID',
          fields: [{ field: 'nodes', description: `contain each other: ${way}` }],
        })
      }
      const found = named ? withoutMaxRuns(await find(inner)) : inner
      nodes.push({
        ...node,
        with: { ...node['with'], graph: await bundle(found, named ? [...within, inner] : within) },
      })
    }
    return { ...graph, nodes }
  }
  const name = isObject(value) && typeof value['name'] === 'string' ? [value['name']] : []
  return (await bundle(value, name)) as Json
}

/** That is a limit of runs, and a graph within is none. */
function withoutMaxRuns(graph: unknown): unknown {
  if (!isObject(graph)) return graph
  const { maxRuns: _, ...rest } = graph
  return rest
}
