import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionEngine, NodeExecutor } from '@holdfast/dag-execution'
import { quantile, rounded } from '../rounds.js'
import { type DagWorld, customNode, openEngine, outputOf } from './world.js'

const few: NodeExecutor = async () => {
  await new Promise((resolve) => setTimeout(resolve, 3))
  return { output: 1 }
}

/** From the moment at which something happens, before it is durable, until a subscriber has it: in the process that runs the run, and in another
 *  one's place, with connections of its own. */
export async function eventLatency({ postgres, rounds, metric }: DagWorld): Promise<void> {
  const url = await postgres.createDatabase()
  await using opened = await openEngine(url, few)
  await using elsewhere = await openEngine(url, few, { maxActive: 0 })
  const nodes = Array.from({ length: 50 }, (_, place) =>
    customNode(`n${place}`, place === 0 ? 0 : outputOf(`n${place - 1}`)),
  )
  const here: number[] = []
  const there: number[] = []
  // A server listens all the time, for what is asked of its runs: others know of it within a second.
  const listening = new AbortController()
  const asks = await opened.engine.start({ graph: { name: 'asks', nodes: [{ id: 'ask', type: 'approval' }] } })
  const heard = elsewhere.engine.wait(asks.id, listening).catch(() => undefined)
  await delay(1_500)
  for (let round = 0; round <= rounds; round += 1) {
    const { id } = await opened.engine.start({ graph: { name: 'long', nodes } })
    const [ours, theirs] = await Promise.all([latencies(opened.engine, id), latencies(elsewhere.engine, id)])
    if (round === 0) continue
    here.push(...ours)
    there.push(...theirs)
  }
  listening.abort()
  await heard
  metric('event_p95_ms', rounded(quantile(Float64Array.from(here).sort(), 0.95), 1))
  metric('event_other_process_p95_ms', rounded(quantile(Float64Array.from(there).sort(), 0.95), 1))
}

async function latencies(engine: ExecutionEngine, id: string): Promise<number[]> {
  const found: number[] = []
  for await (const { event } of engine.subscribe(id)) found.push(Date.now() - event.at)
  return found
}

/** From `cancel` until a call that is under way is told: asked of the process that makes the call, and of another. */
export async function cancelling({ postgres, rounds, metric }: DagWorld): Promise<void> {
  const url = await postgres.createDatabase()
  let begun = () => {}
  let told = (_at: number) => {}
  const waits: NodeExecutor = ({ signal }) =>
    new Promise((_, reject) => {
      begun()
      signal.addEventListener('abort', () => {
        told(performance.now())
        reject(signal.reason as Error)
      })
    })
  await using opened = await openEngine(url, waits)
  await using elsewhere = await openEngine(url, waits, { maxActive: 0 })
  const once = async (asked: ExecutionEngine) => {
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    const isTold = new Promise<number>((resolve) => {
      told = resolve
    })
    const { id } = await opened.engine.start({ graph: { name: 'waits', nodes: [customNode('a', 1)] } })
    await isBegun
    const at = performance.now()
    await asked.cancel(id)
    const tookMs = (await isTold) - at
    await opened.engine.wait(id)
    return tookMs
  }
  const here: number[] = []
  const there: number[] = []
  await once(opened.engine)
  await once(elsewhere.engine)
  for (let round = 0; round < rounds * 8; round += 1) {
    here.push(await once(opened.engine))
    there.push(await once(elsewhere.engine))
  }
  metric('cancel_p95_ms', rounded(quantile(Float64Array.from(here).sort(), 0.95), 1))
  metric('cancel_other_process_p95_ms', rounded(quantile(Float64Array.from(there).sort(), 0.95), 1))
}
