import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { type NewMessage, openConversationStore } from '@holdfast/session'
import { compareWithPeer, installPeers, Peer, versionOf } from '../peer.js'
import { compareRates } from '../persistence/report.js'
import { median, rounded } from '../rounds.js'
import { legacyAppend, type LegacyMessage, openLegacyStore } from './legacy-store.js'
import { startCountingProxy } from './round-trips.js'
import { sessionMetadata, type World } from './world.js'

const text = 'I would like to know when the last train leaves, and whether I have to change on the way there. '.repeat(
  2,
)
const dialogueFolder =
  process.env['HOLDFAST_DIALOGUES'] ?? join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'dialogues')
const sizes = [10, 1_000]
/** Of each size, so that they hardly grow while they are measured. */
const conversationsOfEach = 400
const callers = 16

/** Appending over Redis to conversations that are cached, against the legacy way, which reads, extends and writes back all messages for each one; with 16
 *  callers, and `_c1` with one. */
export async function appends({ postgres, redis, connections, report }: World): Promise<void> {
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using ours = await openConversationStore(documents, { cache: { redis: redis.url }, maintenanceIntervalMs: 0 })
  await using legacy = await openLegacyStore(await postgres.createDatabase(), redis.url, connections)
  for (const size of sizes) {
    const count = size > 100 ? conversationsOfEach / 10 : conversationsOfEach
    const ids = Array.from({ length: count }, (_, n) => `size-${size}-${n}`)
    const messages = Array.from({ length: size }, (_, n) => legacyMessage(n))
    for (const id of ids) {
      await ours.create({ id })
      await ours.append(id, Array.from({ length: size }, newMessage))
      await ours.history(id)
      await legacy.write(contextKey(id), { messages })
    }
    let n = 0
    const next = () => ids[(n += 1) % count] ?? ''
    for (const concurrency of [1, callers]) {
      const name = concurrency === 1 ? `append_at_${size}_c1_vs_legacy` : `append_at_${size}_vs_legacy`
      await compareRates(report, name, concurrency, {
        ours: () => ours.append(next(), [newMessage()]),
        // Cut back, so that it stays of this size.
        theirs: () => legacyAppend(legacy, contextKey(next()), legacyMessage(size), size),
      })
    }
  }
}

/** All real dialogues, 16 at a time, message by message; each begins with a conversation (for the legacy way its three keys). Nobody reads them
 *  meanwhile, other than the legacy way itself. */
export async function dialogueReplay({ postgres, redis, connections, report }: World): Promise<void> {
  if (!existsSync(dialogueFolder)) {
    report.note('dialogues_replay_vs_legacy: skipped, the dialogues are not there')
    return
  }
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using ours = await openConversationStore(documents, { cache: { redis: redis.url }, maintenanceIntervalMs: 0 })
  await using legacy = await openLegacyStore(await postgres.createDatabase(), redis.url, connections)
  const dialogues = readDialogues()
  const messages = dialogues.reduce((sum, { turns }) => sum + turns.length, 0)
  report.note(`dialogues_replay: ${dialogues.length} dialogues, ${messages} messages, ${callers} at a time`)
  const seconds = async (tell: (id: string, turns: readonly Turn[]) => Promise<void>): Promise<number> => {
    const left = [...dialogues]
    const run = `${performance.now()}`
    const start = performance.now()
    await Promise.all(
      Array.from({ length: callers }, async () => {
        for (let one = left.pop(); one !== undefined; one = left.pop()) await tell(`${run}-${one.id}`, one.turns)
      }),
    )
    return (performance.now() - start) / 1000
  }
  const tellOurs = async (id: string, turns: readonly Turn[]): Promise<void> => {
    await ours.create({ id })
    for (const [n, turn] of turns.entries()) {
      const role = turn.speaker === 'USER' ? 'user' : 'assistant'
      await ours.append(id, [{ key: `turn-${n}`, role, parts: [{ type: 'text', text: turn.utterance }] }])
    }
  }
  const tellLegacy = async (id: string, turns: readonly Turn[]): Promise<void> => {
    await Promise.all([
      legacy.write(`session:${id}:metadata`, { ...sessionMetadata(0), conversation_id: id }),
      legacy.write(`session:${id}:state`, {}),
      legacy.write(contextKey(id), { messages: [] }),
    ])
    for (const [n, turn] of turns.entries()) {
      const role = turn.speaker === 'USER' ? 1 : 2
      await legacyAppend(legacy, contextKey(id), { ...legacyMessage(n), role, content: turn.utterance })
    }
  }
  const ratios: number[] = []
  const rates: [number, number][] = []
  // The first rounds are for the compilers of both sides: a replay takes a third of a second, and a service runs for days.
  const warmUp = 3
  for (let round = 0; round < warmUp + report.rounds + 2; round += 1) {
    const [first, second] = round % 2 === 0 ? [tellOurs, tellLegacy] : [tellLegacy, tellOurs]
    const [one, other] = [await seconds(first), await seconds(second)]
    const [our, their] = round % 2 === 0 ? [one, other] : [other, one]
    if (round < warmUp) continue
    ratios.push(their / our)
    rates.push([messages / our, messages / their])
  }
  report.metric('dialogues_replay_vs_legacy', rounded(median(ratios)))
  report.metric('dialogues_replay_per_s', Math.round(median(rates.map(([our]) => our))))
  report.metric('dialogues_replay_their_per_s', Math.round(median(rates.map(([, their]) => their))))
}

interface Turn {
  readonly speaker: 'USER' | 'SYSTEM'
  readonly utterance: string
}

function readDialogues(): { readonly id: string; readonly turns: readonly Turn[] }[] {
  return readdirSync(dialogueFolder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) =>
      (
        JSON.parse(readFileSync(join(dialogueFolder, name), 'utf8')) as {
          dialogue_id: string
          turns: readonly Turn[]
        }[]
      ).map(({ dialogue_id, turns }) => ({ id: `${name}-${dialogue_id}`, turns })),
    )
}

/** To conversations that nobody has read, as nobody has read the peer's threads, and (`cached`) to ones whose end is in the cache. */
export async function againstLangGraph({ postgres, redis, connections, report }: World): Promise<void> {
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using ours = await openConversationStore(documents, { cache: { redis: redis.url }, maintenanceIntervalMs: 0 })
  const url = await postgres.createDatabase()
  await installPeers(report)
  const name = '@langchain/langgraph-checkpoint-postgres'
  report.note(`${name} ${await versionOf(name)}: one put of a checkpoint with ten messages, a thread for each caller`)
  await using peer = await Peer.start('langgraph.mjs', { url, connections, callers, payload: { text } })
  for (const kind of ['', '_cached']) {
    const idOf = (caller: number) => `langgraph${kind}-${caller}`
    for (let caller = 0; caller < callers; caller += 1) {
      await ours.create({ id: idOf(caller) })
      if (kind !== '') await ours.history(idOf(caller))
    }
    const append = (caller: number) => ours.append(idOf(caller), [newMessage()])
    await compareWithPeer(report, `append_c16${kind}_vs_langgraph`, callers, append, peer, 'append')
  }
}

/** What a history costs in round trips, counted between the drivers and the servers. */
export async function historyRoundTrips({ postgres, redis, report }: World): Promise<void> {
  const url = new URL(await postgres.createDatabase())
  await using toPostgres = await startCountingProxy(Number(url.port))
  await using toRedis = await startCountingProxy(redis.port)
  url.hostname = '127.0.0.1'
  url.port = String(toPostgres.port)
  await using documents = await openDocumentStore(url.href, { sweepIntervalMs: 0 })
  // Trusted so long that nothing is asked in the background meanwhile.
  const cache = { redis: `redis://127.0.0.1:${toRedis.port}`, trustMs: 10_000 }
  await using store = await openConversationStore(documents, { cache, maintenanceIntervalMs: 0 })
  const ids = Array.from({ length: 200 }, (_, n) => `history-${n}`)
  for (const id of ids) {
    await store.create({ id })
    await store.append(id, Array.from({ length: 100 }, newMessage))
  }
  await delay(1_500)
  await store.history(ids[0] ?? '')
  await delay(4_000)
  const some = ids.slice(1)
  const counted = async (): Promise<{ readonly sql: number; readonly redis: number }> => {
    const before = { sql: toPostgres.roundTrips, redis: toRedis.roundTrips }
    for (const id of some) await store.history(id, { last: 20 })
    return { sql: toPostgres.roundTrips - before.sql, redis: toRedis.roundTrips - before.redis }
  }
  const miss = await counted()
  const hit = await counted()
  report.note(`history of 20 out of 100 messages, ${some.length} conversations: ${JSON.stringify({ miss, hit })}`)
  report.metric('history20_miss_round_trips', rounded(miss.sql / some.length))
  report.metric('history20_miss_redis_round_trips', rounded(miss.redis / some.length))
  report.metric('history20_hit_round_trips', rounded((hit.redis + hit.sql) / some.length))
}

function newMessage(): NewMessage {
  return { role: 'user', parts: [{ type: 'text', text }] }
}

function legacyMessage(n: number): LegacyMessage {
  const id = `9f1c2ab0-5d3e-4c1b-8a77-${String(n).padStart(12, '0')}`
  return { id, role: 1, content: text, timestamp: 1_733_000_000.125 + n }
}

function contextKey(id: string): string {
  return `session:${id}:context`
}
