import type { Collection, Scope } from '@holdfast/persistence'
import type { JobModel } from './job-model.js'
import { isEnded, type JobDocument } from './record.js'
import { jsonHash } from './stored-json.js'
import type { TenantTables } from './tables.js'

/** Where the result of a job is, by what it follows from. */
interface ResultRecord {
  readonly job: string
}

export function resultsIn(scope: Scope): Collection<ResultRecord> {
  return scope.collection<ResultRecord>('job-results')
}

export function cacheKeyOf(
  kind: string,
  model: JobModel | undefined,
  inputs: readonly string[],
  parameters: unknown,
): string {
  return jsonHash([kind, model?.name ?? '', model?.version ?? '', inputs, parameters])
}

/** The job that has the result; `undefined`: there is none, or it is not retained any more. */
export async function findResult({ scope, jobs }: TenantTables, cacheKey: string): Promise<JobDocument | undefined> {
  const found = await resultsIn(scope).get(cacheKey)
  if (found === undefined) return undefined
  const document = await jobs.get(found.data.job)
  if (document === undefined || !isEnded(document.data) || document.data.state !== 'succeeded') return undefined
  return document
}
