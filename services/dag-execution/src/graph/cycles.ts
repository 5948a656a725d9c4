/** The strongly connected components of a directed graph with more than one node, or with an edge to itself, by Tarjan's algorithm
 *  without recursion, so that long chains do not exhaust the stack. Each in the order of its numbers. */
export function components(edges: readonly (readonly number[])[]): number[][] {
  const order = edges.map(() => -1)
  const low = edges.map(() => 0)
  const onStack = edges.map(() => false)
  const stack: number[] = []
  const found: number[][] = []
  let next = 0
  for (let root = 0; root < edges.length; root += 1) {
    if (order[root] !== -1) continue
    const work: { readonly node: number; edge: number }[] = [{ node: root, edge: 0 }]
    while (work.length > 0) {
      const frame = work[work.length - 1] as { readonly node: number; edge: number }
      const { node } = frame
      if (frame.edge === 0) {
        order[node] = low[node] = next
        next += 1
        stack.push(node)
        onStack[node] = true
      }
      const to = edges[node]?.[frame.edge]
      if (to !== undefined) {
        frame.edge += 1
        if (order[to] === -1) work.push({ node: to, edge: 0 })
        else if (onStack[to] === true) low[node] = Math.min(low[node] ?? 0, order[to] ?? 0)
        continue
      }
      work.pop()
      const parent = work[work.length - 1]
      if (parent !== undefined) low[parent.node] = Math.min(low[parent.node] ?? 0, low[node] ?? 0)
      if (low[node] !== order[node]) continue
      const component: number[] = []
      for (;;) {
        const member = stack.pop() as number
        onStack[member] = false
        component.push(member)
        if (member === node) break
      }
      if (component.length > 1 || edges[node]?.includes(node) === true) found.push(component.sort((a, b) => a - b))
    }
  }
  return found
}

/** A way round through a component, the first node again at its end. */
export function wayRound(component: readonly number[], edges: readonly (readonly number[])[]): number[] {
  const members = new Set(component)
  const start = component[0] as number
  const cameFrom = new Map<number, number>()
  const queue = [start]
  for (const node of queue) {
    for (const to of edges[node] ?? []) {
      if (to === start) {
        const way = [start]
        for (let step = node; step !== start; step = cameFrom.get(step) as number) way.push(step)
        return [...way, start].toReversed()
      }
      if (members.has(to) && !cameFrom.has(to)) {
        cameFrom.set(to, node)
        queue.push(to)
      }
    }
  }
  return [start, start]
}
