import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import type { DirectBackend } from '../session-store/direct-backend.js'
import type { LegacyRedis } from '../session-store/direct-backend-redis.js'
import { sameJson } from './canonical-json.js'
import type { PlanReport, StepOptions } from './migration-report.js'

const countSessions = `select count(*),
    count(*) filter (where key like 'session:%:context'), count(*) filter (where key like 'session:%:state'),
    count(*) filter (where key like 'session:%:metadata'),
    coalesce(sum(octet_length(value::text)), 0)::bigint, coalesce(max(octet_length(value::text)), 0)::bigint
  from sessions`

export async function planSessions(
  direct: DirectBackend,
  store: DocumentStore,
  name: string,
  options: StepOptions,
): Promise<Omit<PlanReport, 'phase'>> {
  const [row] = await direct.driver.query({ text: countSessions, values: [], readOnly: true })
  const [sessions = 0, contexts = 0, states = 0, metadata = 0, bytes = 0, largestBytes = 0] = (row ?? []).map(Number)
  const documents = await store.collection(name).count({ deleted: { $exists: false } })
  const redis = direct.redis === undefined ? {} : { redis: await compareRedis(direct, direct.redis, options) }
  const others = sessions - contexts - states - metadata
  return { sessions, contexts, states, metadata, others, bytes, largestBytes, documents, ...redis }
}

/** What the old service left there may never have been durable: it wrote to Redis first. */
async function compareRedis(
  direct: DirectBackend,
  redis: LegacyRedis,
  { signal }: StepOptions,
): Promise<NonNullable<PlanReport['redis']>> {
  let [keys, different, onlyThere] = [0, 0, 0]
  for (let cursor = '0'; ;) {
    if (signal?.aborted === true) throw new HoldfastError('CANCELLED', 'The plan was stopped: run it again')
    const page = await redis.scan(cursor)
    const [texts, rows] = await Promise.all([
      redis.get(page.keys),
      Promise.all(page.keys.map((key) => direct.look(key))),
    ])
    for (const [index, text] of texts.entries()) {
      const { json } = rows[index]?.row ?? {}
      if (text === null) continue
      keys += 1
      if (json === undefined) onlyThere += 1
      else if (!sameText(text, json)) different += 1
    }
    cursor = page.next
    if (cursor === '0') return { keys, different, onlyThere }
  }
}

/** Other applications may keep what is no JSON there. */
function sameText(text: string, json: string): boolean {
  try {
    JSON.parse(text)
  } catch {
    return false
  }
  return sameJson(text, json)
}
