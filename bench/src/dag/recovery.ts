import type { NodeExecutor } from '@holdfast/dag-execution'
import { rounded } from '../rounds.js'
import { type DagWorld, customNode, openEngine } from './world.js'

const nodes = 10_000

/** A process that opens a store and finds a run with 10,000 nodes done: until it makes the call that was under way. */
export async function recovery({ postgres, metric }: DagWorld): Promise<void> {
  const url = await postgres.createDatabase()
  let waiting = () => {}
  const last: NodeExecutor = ({ node, signal }) => {
    if (node !== 'last') return Promise.resolve({ output: { node, text: 'done' } })
    waiting()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  }
  const isWaiting = () =>
    new Promise<void>((resolve) => {
      waiting = resolve
    })
  const graph = {
    name: 'large',
    inputs: { items: {} },
    nodes: [
      customNode('each', '${{ item }}', { forEach: 'inputs.items' }),
      customNode('last', '${{ size(nodes.each.output) }}'),
    ],
  }
  {
    const reached = isWaiting()
    await using opened = await openEngine(url, last)
    const started = performance.now()
    await opened.engine.start({ graph, inputs: { items: Array.from({ length: nodes }, (_, index) => index) } })
    await reached
    metric('foreach_10k_s', rounded((performance.now() - started) / 1000, 2))
  }
  const reached = isWaiting()
  const started = performance.now()
  await using _opened = await openEngine(url, last)
  await reached
  metric('log_10k_nodes_recover_s', rounded((performance.now() - started) / 1000, 2))
}
