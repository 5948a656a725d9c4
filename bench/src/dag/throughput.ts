import type { JsonObject } from '@holdfast/dag-execution'
import { Peer, installPeers, versionOf } from '../peer.js'
import { measure, median, rounded } from '../rounds.js'
import { type DagWorld, customNode, nothing, openEngine, outputOf } from './world.js'

const runs = 100
const chains = 5
const length = 10
const peerMs = 3_000

/** Runs of 50 nodes each, five chains of ten, a hundred runs at once, from the first start to the last recorded end. */
export async function throughput({ postgres, rounds, metric }: DagWorld): Promise<void> {
  await using opened = await openEngine(await postgres.createDatabase(), nothing)
  const { engine, store } = opened
  const nodes = chainNodes()
  const rates: number[] = []
  const statements: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const before = store.stats()
    const started = performance.now()
    const begun = await Promise.all(
      Array.from({ length: runs }, () => engine.start({ graph: { name: 'chains', nodes } })),
    )
    await Promise.all(begun.map(({ id }) => engine.wait(id)))
    const seconds = (performance.now() - started) / 1000
    if (round === 0) continue
    rates.push((runs * nodes.length) / seconds)
    statements.push((statementsIn(store.stats()) - statementsIn(before)) / (runs * nodes.length))
  }
  metric('nodes_per_s', Math.round(median(rates)))
  metric('sql_per_node', rounded(median(statements), 3))
}

function chainNodes(): JsonObject[] {
  return Array.from({ length: chains }, (_, chain) =>
    Array.from({ length }, (_each, place) =>
      customNode(`c${chain}_${place}`, place === 0 ? 0 : outputOf(`c${chain}_${place - 1}`)),
    ),
  ).flat()
}

/** The same graph on DBOS in a process of its own, on the same server, a hundred at once on both sides in alternation. */
export async function againstDbos({ postgres, rounds, metric, note }: DagWorld): Promise<void> {
  const report = { rounds, ms: peerMs, metric, note }
  await installPeers(report)
  note(
    `DBOS ${await versionOf('@dbos-inc/dbos-sdk')}: a workflow for each chain, steps for its nodes; as many connections as ours`,
  )
  await using opened = await openEngine(await postgres.createDatabase(), nothing)
  const { engine } = opened
  const graph = { name: 'chains', nodes: chainNodes() }
  const ours = async () => {
    const { id } = await engine.start({ graph })
    await engine.wait(id)
  }
  await using peer = await Peer.start('dbos.mjs', {
    url: await postgres.createDatabase(),
    connections: 10,
    chains,
    length,
  })
  await measure(ours, runs, peerMs)
  await peer.measure('graph', runs, peerMs)
  const ratios: number[] = []
  const rates: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const { perSecond } = await measure(ours, runs, peerMs)
    const theirs = await peer.measure('graph', runs, peerMs)
    ratios.push(perSecond / theirs)
    rates.push(theirs * chains * length)
  }
  metric('nodes_per_s_vs_dbos', rounded(median(ratios), 2))
  metric('dbos_nodes_per_s', Math.round(median(rates)))
}

function statementsIn(stats: ReturnType<Awaited<ReturnType<typeof openEngine>>['store']['stats']>): number {
  return stats.statements.reduce((sum, { count }) => sum + count, 0)
}
