import { jobs } from '@holdfast/protocol'

/** `92.1 kB`. */
export function bytesShown(count: number): string {
  if (count < 1000) return `${count} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = count / 1000
  let place = 0
  while (value >= 1000 && place < units.length - 1) {
    value /= 1000
    place += 1
  }
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[place]}`
}

/** `1:02:03.4`, `0:03.4`. */
export function timeShown(ms: number): string {
  const tenths = Math.round(ms / 100)
  const [seconds, minutes, hours] = [(tenths % 600) / 10, Math.floor(tenths / 600) % 60, Math.floor(tenths / 36_000)]
  const tail = seconds.toFixed(1).padStart(4, '0')
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${String(minutes).padStart(2, '0')}:${tail}`
}

/** `0.41 s`. */
export function secondsShown(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

export function modelShown(model: jobs.ModelUsed | undefined): string {
  return model?.name ?? 'no model'
}

const stateNames: Readonly<Record<number, string>> = {
  [jobs.JobState.QUEUED]: 'queued',
  [jobs.JobState.RUNNING]: 'running',
  [jobs.JobState.SUCCEEDED]: 'succeeded',
  [jobs.JobState.FAILED]: 'failed',
  [jobs.JobState.CANCELLED]: 'cancelled',
}

export function stateShown(state: jobs.JobState): string {
  return stateNames[state] ?? 'unknown'
}

/** @returns `undefined`: there is no such state */
export function stateOf(name: string): jobs.JobState | undefined {
  const found = Object.entries(stateNames).find(([, shown]) => shown === name)
  return found === undefined ? undefined : (Number(found[0]) as jobs.JobState)
}

export function costShown(cost: jobs.Cost | undefined): string {
  return cost === undefined ? '' : `${cost.amount} ${cost.currency}`
}

/** One line about who did the work: what people want to know beside the result. */
export function workShown({ id, model, usage, fromCache, cost }: jobs.Job): string {
  const price = cost === undefined ? '' : `, ${costShown(cost)}`
  const time = fromCache ? 'from cache' : secondsShown(usage?.computeMs ?? 0)
  return `${modelShown(model)}, ${time}${price}, job ${id}`
}

/** A job as JSON for scripts: names as in the other commands, JSON as JSON. */
export function jobJson(job: jobs.Job): Record<string, unknown> {
  const { inputJson, outputJson, state, progress, ...rest } = job
  return {
    ...rest,
    state: stateShown(state),
    progress: progress === undefined ? null : { fraction: progress.fraction ?? null, stage: progress.stage },
    input: inputJson === '' ? null : (JSON.parse(inputJson) as unknown),
    ...(outputJson === '' ? {} : { output: JSON.parse(outputJson) as unknown }),
    outputs: job.outputs.map(artifactJson),
  }
}

export function artifactJson({ parametersJson, ...artifact }: jobs.Artifact): Record<string, unknown> {
  return { ...artifact, parameters: parametersJson === '' ? null : (JSON.parse(parametersJson) as unknown) }
}
