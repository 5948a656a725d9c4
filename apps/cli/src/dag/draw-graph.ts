import type { CompiledGraph } from '@holdfast/dag-execution'
import type { ElkNode } from 'elkjs'

const colours: { readonly [state: string]: string } = {
  pending: '#e5e7eb',
  running: '#bfdbfe',
  retrying: '#fde68a',
  completed: '#bbf7d0',
  failed: '#fecaca',
  skipped: '#f3f4f6',
  blocked: '#f3f4f6',
  cancelled: '#e9d5ff',
}

/** The graph as SVG, laid out by layers: its nodes from left to right, those of graphs within inside the node that runs them.
 *  @param states by the paths of nodes; of a node that runs for several items, the worst counts */
export async function drawGraph(graph: CompiledGraph, states: ReadonlyMap<string, string>): Promise<string> {
  const { default: ELK } = await import('elkjs')
  const told = new Map<string, string>()
  for (const [path, state] of states) {
    const place = path.replaceAll(/\[\d+\]|[#@]\d+/g, '')
    const before = told.get(place)
    if (before === undefined || rank(state) > rank(before)) told.set(place, state)
  }
  const whole: ElkNode = { id: '', ...layerOf(graph, ''), layoutOptions: layout }
  const root: ElkNode = await new ELK.default().layout(whole)
  const { width = 0, height = 0 } = root
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(graph.source.name)}</title>`,
    '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker></defs>',
    ...drawn(root, { graph, told, prefix: '' }),
    '</svg>\n',
  ].join('\n')
}

const layout = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.padding': '[top=24,left=12,bottom=12,right=12]',
  'elk.layered.spacing.nodeNodeBetweenLayers': '40',
}

const order = ['skipped', 'pending', 'completed', 'blocked', 'cancelled', 'running', 'retrying', 'failed']
const rank = (state: string): number => order.indexOf(state)

function layerOf({ nodes }: CompiledGraph, prefix: string): Pick<ElkNode, 'children' | 'edges'> {
  const idOf = (index: number) => `${prefix}${nodes[index]?.id}`
  const children = nodes.map((node, index): ElkNode => {
    const id = idOf(index)
    if (node.graph !== undefined) return { id, ...layerOf(node.graph, `${id}/`), layoutOptions: layout }
    return { id, width: Math.max(90, 8 * Math.max(node.id.length, node.source.type.length) + 20), height: 40 }
  })
  const edges = nodes.flatMap(({ before, loop, index }) => [
    ...before.map((from) => ({ id: `${idOf(from)}>${idOf(index)}`, sources: [idOf(from)], targets: [idOf(index)] })),
    // What comes back round a cycle.
    ...(loop !== undefined && index !== loop.breaker && before.every((from) => !loop.body.includes(from))
      ? [{ id: `${idOf(loop.breaker)}>${idOf(index)}`, sources: [idOf(loop.breaker)], targets: [idOf(index)] }]
      : []),
  ])
  return { children, edges }
}

interface Drawing {
  readonly graph: CompiledGraph
  readonly told: ReadonlyMap<string, string>
  readonly prefix: string
}

function drawn({ children = [], edges = [] }: ElkNode, { graph, told, prefix }: Drawing): string[] {
  const lines = edges.flatMap(({ sections = [] }) =>
    sections.map(({ startPoint, bendPoints = [], endPoint }) => {
      const points = [startPoint, ...bendPoints, endPoint].map(({ x, y }) => `${x},${y}`).join(' ')
      return `<polyline points="${points}" fill="none" stroke="#6b7280" marker-end="url(#end)"/>`
    }),
  )
  const boxes = children.flatMap((child) => {
    const { id, x = 0, y = 0, width = 0, height = 0 } = child
    const node = graph.byId.get(id.slice(prefix.length))
    const state = told.get(id)
    const within = node?.graph === undefined ? [] : drawn(child, { graph: node.graph, told, prefix: `${id}/` })
    const text = (label: string, at: number, colour: string) =>
      `<text x="${width / 2}" y="${at}" text-anchor="middle" fill="${colour}">${escaped(label)}</text>`
    return [
      `<g transform="translate(${x} ${y})"${state === undefined ? '' : ` data-state="${state}"`}>`,
      `<rect width="${width}" height="${height}" rx="6" fill="${colours[state ?? ''] ?? '#ffffff'}" stroke="#374151"${node?.source.forEach === undefined && node?.source.type !== 'for-each' ? '' : ' stroke-width="2.5"'}/>`,
      text(node?.id ?? id, 16, '#111827'),
      ...(within.length === 0 ? [text(node?.source.type ?? '', 32, '#6b7280')] : within),
      '</g>',
    ]
  })
  return [...lines, ...boxes]
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
