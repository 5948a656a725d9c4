import { setTimeout as delay } from 'node:timers/promises'
import { openLocalEngine } from '@holdfast/dag-execution'
import { openDocumentStore } from '@holdfast/persistence'
import { type PostgresServer, startPostgres } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'
import { Crowd, processes } from './crowd.js'
import { Runs, patiently } from './runs.js'

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  readonly report: (line: string) => void
}

export interface WorldReport {
  readonly figures: Readonly<Record<string, number>>
  /** See `Crowd`. */
  readonly longestWaitMs: number
  /** Of each run of a process that was killed and watched, in milliseconds. */
  readonly recoveries: { readonly onOther: readonly number[]; readonly onSame: readonly number[] }
}

/** Keeps some runs of random graphs going while processes and the database are killed, then waits for all and compares each with the pure
 *  interpreter. */
export async function runGraphsUnderKills({ kills, seed, report }: KillOptions): Promise<WorldReport> {
  const random = randomFrom(seed)
  // What a killed server has written stands in the system's memory, synced or not, and is there when it begins again. With fsync it first syncs
  // each of its files then, which takes more than a minute on a busy disk.
  await using postgres = await startPostgres({ settings: { fsync: 'off' } })
  const url = await postgres.createDatabase()
  await using store = await openDocumentStore(url)
  await using engine = await openLocalEngine(store, { executors: {}, maxActive: 0 })
  const runs = new Runs({ store, engine, random, seed, report })
  const crowd = new Crowd(url, (call) => runs.hear(call))
  await crowd.start()
  const canGoOn = (run: string) => runs.canGoOn(run)
  let databaseKills = 0
  const onOther: number[] = []
  const onSame: number[] = []
  let reported = 0
  runs.keepGoing()
  try {
    for (let turn = 0, kill = 0; kill < kills; turn += 1) {
      await delay(150 + random() * 850)
      if (random() < 0.12) {
        databaseKills += 1
        await restart(postgres)
        kill += 1
      } else if (turn % 8 === 3) {
        onOther.push(...(await crowd.killBusiest(canGoOn)))
        kill += 1
      } else if (turn % 8 === 7 && kills - kill >= processes) {
        onSame.push(...(await crowd.killAll(canGoOn)))
        kill += processes
      } else {
        await crowd.killAny(random())
        kill += 1
      }
      if (kill - reported < 10) continue
      reported = kill
      report(`${kill} kills, ${runs.begun} runs, ${runs.underWay} under way, not as they must be: ${runs.faults}`)
    }
    const stuck = await runs.end()
    return {
      figures: {
        kills,
        database_kills: databaseKills,
        kills_at_work: crowd.killsAtWork,
        runs: runs.begun,
        ...runs.figures,
        stuck_runs: stuck,
      },
      recoveries: { onOther, onSame },
      longestWaitMs: crowd.longestWaitMs,
    }
  } catch (error) {
    // What is under way ends with its store, and would be heard of first.
    report(`given up: ${(error as Error).stack}`)
    runs.giveUp()
    throw error
  } finally {
    await crowd.stop()
  }
}

async function restart(postgres: PostgresServer): Promise<void> {
  await postgres.kill()
  await patiently(() => postgres.restart())
}
