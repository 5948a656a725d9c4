import type { DocumentStore } from '@holdfast/persistence'
import type { SqlDriver } from '@holdfast/persistence/sql'
import type { PlanReport, StepOptions } from './migration-report.js'

const countSessions = `select count(*),
    count(*) filter (where key like 'session:%:context'), count(*) filter (where key like 'session:%:state'),
    count(*) filter (where key like 'session:%:metadata'),
    coalesce(sum(octet_length(value::text)), 0)::bigint, coalesce(max(octet_length(value::text)), 0)::bigint
  from sessions`

export async function planSessions(
  driver: SqlDriver,
  store: DocumentStore,
  name: string,
  _options: { readonly redis?: string } & StepOptions,
): Promise<Omit<PlanReport, 'phase'>> {
  const [row] = await driver.query({ text: countSessions, values: [], readOnly: true })
  const [sessions = 0, contexts = 0, states = 0, metadata = 0, bytes = 0, largestBytes = 0] = (row ?? []).map(Number)
  const documents = await store.collection(name).count({ deleted: { $exists: false } })
  const others = sessions - contexts - states - metadata
  return { sessions, contexts, states, metadata, others, bytes, largestBytes, documents }
}
