import type { NodeExecutor } from '@holdfast/dag-execution'
import { median, rounded } from '../rounds.js'
import { type DagWorld, customNode, nothing, openEngine, outputOf } from './world.js'

/** Eleven nodes of which the slowest way through takes 750 ms: three branches that are slow in different places, and a join. */
const idealMs = 750
const branches = [
  [300, 50, 50, 50],
  [50, 300, 300],
  [50, 50, 50],
]
const joinMs = 100

const sleep: NodeExecutor = async ({ input }) => {
  await new Promise((resolve) => setTimeout(resolve, (input['input'] as { ms: number }).ms))
  return { output: 1 }
}

/** How much longer than its slowest way a run takes, from its start to its recorded end. */
export async function criticalPath({ postgres, rounds, metric }: DagWorld): Promise<void> {
  await using opened = await openEngine(await postgres.createDatabase(), sleep)
  const { engine } = opened
  const nodes = branches.flatMap((lengths, branch) =>
    lengths.map((ms, place) =>
      customNode(`b${branch}_${place}`, { ms, after: place === 0 ? 0 : outputOf(`b${branch}_${place - 1}`) }),
    ),
  )
  const ends = branches.map((lengths, branch) => outputOf(`b${branch}_${lengths.length - 1}`))
  nodes.push(customNode('join', { ms: joinMs, ends }))
  const times: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const started = performance.now()
    const { id } = await engine.start({ graph: { name: 'skewed', nodes } })
    await engine.wait(id)
    // The first one makes tables.
    if (round > 0) times.push(performance.now() - started)
  }
  metric('critical_path_overhead', rounded(median(times) / idealMs - 1, 3))
}

/** A list of 500 nodes that do nothing, against a list of one. */
export async function forEach500({ postgres, rounds, metric }: DagWorld): Promise<void> {
  await using opened = await openEngine(await postgres.createDatabase(), nothing)
  const { engine } = opened
  const timeOf = async (count: number) => {
    const items = Array.from({ length: count }, (_, index) => index)
    const started = performance.now()
    const { id } = await engine.start({
      graph: {
        name: 'list',
        inputs: { items: {} },
        nodes: [customNode('each', '${{ item }}', { forEach: 'inputs.items' })],
        outputs: {},
      },
      inputs: { items },
    })
    await engine.wait(id)
    return performance.now() - started
  }
  await timeOf(500)
  const differences: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const one = await timeOf(1)
    differences.push((await timeOf(500)) - one)
  }
  metric('foreach_500_ms_over_1', rounded(median(differences), 1))
}
