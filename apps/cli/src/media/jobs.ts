import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { jobs } from '@holdfast/protocol'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { printable, printableLines, table } from '../printable.js'
import type { JobClient, JobMessage } from './run-job.js'
import { bytesShown, costShown, jobJson, modelShown, secondsShown, stateOf, stateShown } from './shown.js'

interface Flags extends ServiceFlags {
  readonly json?: true
}

export interface ListFlags extends Flags {
  readonly kind?: string
  readonly state?: readonly string[]
  readonly label?: string
  readonly limit: number
}

/** By the kind of their jobs. */
function clientsByKind(clients: Clients): ReadonlyMap<string, JobClient<JobMessage>> {
  return new Map<string, JobClient<JobMessage>>([
    ['speech-to-text', clients.speechToText],
    ['text-to-speech', clients.textToSpeech],
    ['vision-ai', clients.vision],
    ['image-generation', clients.imageGeneration],
  ])
}

export async function listJobs(flags: ListFlags, context: CommandContext): Promise<void> {
  const states = (flags.state ?? []).map((name) => {
    const state = stateOf(name)
    if (state === undefined) {
      throw invalidField('--state', `is ${name}: known are queued, running, succeeded, failed, cancelled`)
    }
    return state
  })
  await withServices(flags, context, async (clients) => {
    const kinds = clientsByKind(clients)
    if (flags.kind !== undefined && !kinds.has(flags.kind)) {
      throw invalidField('--kind', `is ${flags.kind}: known are ${[...kinds.keys()].join(', ')}`)
    }
    const asked = [...kinds].filter(([kind]) => flags.kind === undefined || kind === flags.kind)
    const filter = { states, label: flags.label ?? '' }
    const lists = await Promise.all(
      asked.map(([, client]) =>
        newest(client, filter, flags.limit).catch((error: unknown) => {
          if (flags.kind === undefined && isAbsent(error)) return []
          throw error
        }),
      ),
    )
    const all = lists.flat().sort((a, b) => (b.createTime?.getTime() ?? 0) - (a.createTime?.getTime() ?? 0))
    await show(all.slice(0, flags.limit), all.length > flags.limit, flags.json === true, context)
  })
}

async function newest(
  client: JobClient<JobMessage>,
  filter: { readonly states: jobs.JobState[]; readonly label: string },
  limit: number,
): Promise<jobs.Job[]> {
  const found: jobs.Job[] = []
  let pageToken = ''
  do {
    const page = await client.list({ pageSize: Math.min(1000, limit + 1 - found.length), pageToken, filter })
    found.push(...page.jobs.flatMap(({ job }) => (job === undefined ? [] : [job])))
    pageToken = page.nextPageToken
  } while (pageToken !== '' && found.length <= limit)
  return found
}

async function show(all: readonly jobs.Job[], more: boolean, isJson: boolean, context: CommandContext): Promise<void> {
  if (isJson) {
    await context.out.json({ jobs: all.map(jobJson), more })
    return
  }
  const rows = all.map((job) => [
    job.id,
    job.kind,
    stateShown(job.state),
    job.createTime?.toISOString().replace(/\.\d+Z$/, 'Z') ?? '',
    timeOf(job),
    job.fromCache ? 'cache' : modelShown(job.model),
    job.error === undefined ? summaryOf(job) : `${job.error.code}: ${job.error.message}`.slice(0, 60),
  ])
  await context.out.write(table(['job', 'kind', 'state', 'created', 'took', 'by', 'about'], rows))
  if (more) await context.err.line('holdfast: there are more; --limit N shows them')
}

function timeOf({ startTime, endTime }: jobs.Job): string {
  return startTime === undefined || endTime === undefined ? '' : secondsShown(endTime.getTime() - startTime.getTime())
}

/** What people recognise a job by: its text or prompt, or the names of what it made. */
function summaryOf({ inputJson, outputs }: jobs.Job): string {
  const input: unknown = inputJson === '' ? undefined : JSON.parse(inputJson)
  for (const name of ['text', 'ssml', 'prompt', 'source', 'spec', 'tasks']) {
    const value: unknown = typeof input === 'object' && input !== null ? Reflect.get(input, name) : undefined
    if (typeof value === 'string') return value.slice(0, 60)
    if (Array.isArray(value)) return value.join(', ').slice(0, 60)
    if (name === 'spec' && typeof value === 'object' && value !== null && 'prompt' in value) {
      return String(value.prompt).slice(0, 60)
    }
  }
  return outputs.map(({ role, sizeBytes }) => `${role} ${bytesShown(sizeBytes)}`).join(', ')
}

/** The job is another service's, or the server does not have this service. */
function isAbsent(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'NOT_FOUND' || error.code === 'UNIMPLEMENTED')
}

/** Calls the service that has the job. @throws NOT_FOUND */
async function onJob<R>(
  clients: Clients,
  jobId: string,
  work: (client: JobClient<JobMessage>) => Promise<R>,
): Promise<R> {
  for (const client of clientsByKind(clients).values()) {
    try {
      await client.get({ jobId })
    } catch (error) {
      if (isAbsent(error)) continue
      throw error
    }
    return work(client)
  }
  throw new HoldfastError('NOT_FOUND', `There is no job ${jobId}: \`holdfast jobs list\` shows those that there are`)
}

export async function showJob(jobId: string, flags: Flags, context: CommandContext): Promise<void> {
  await withServices(flags, context, (clients) =>
    onJob(clients, jobId, async (client) => showOne((await client.get({ jobId })).job, flags, context)),
  )
}

async function showOne(message: JobMessage | undefined, flags: Flags, { out }: CommandContext): Promise<void> {
  const { job, ...result } = message ?? { job: undefined }
  if (job === undefined) return
  if (flags.json === true) {
    await out.json({ ...jobJson(job), result })
    return
  }
  const rows = Object.entries({
    kind: job.kind,
    state: `${stateShown(job.state)}${job.cancelRequested ? ', to be cancelled' : ''}${job.fromCache ? ', from cache' : ''}`,
    error: job.error === undefined ? '' : `${job.error.code}: ${job.error.message}`,
    stopped: job.stopped === undefined ? '' : job.stopped ? 'the model stopped' : 'the model went on to its end',
    attempt: `${job.attempt} of ${job.maxAttempts}`,
    model: job.model === undefined ? '' : `${job.model.name}, version ${job.model.version}`,
    created: job.createTime?.toISOString() ?? '',
    took: timeOf(job),
    progress: job.progress?.fraction === undefined ? '' : `${Math.round(job.progress.fraction * 100)} %`,
    cost: costShown(job.cost),
    labels: job.labels.join(', '),
    input: job.inputJson,
    inputs: job.inputIds.join(' '),
    outputs: job.outputs.map(({ id, role, sizeBytes }) => `${role} ${id} (${bytesShown(sizeBytes)})`).join('\n'),
  }).filter(([, value]) => value !== '')
  const shown = rows.map(
    ([name, value]) => `${name.padEnd(9)} ${printableLines(value).replaceAll('\n', `\n${' '.repeat(10)}`)}`,
  )
  await out.line([`job       ${job.id}`, ...shown].join('\n'))
}

export async function watchJob(
  jobId: string,
  flags: Flags & { readonly after: number },
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, (clients) =>
    onJob(clients, jobId, async (client) => {
      const { signal, out } = context
      for await (const { event } of client.watch({ jobId, after: flags.after }, { signal })) {
        if (event?.event === undefined) continue
        const { $case, value } = event.event
        if (flags.json === true) await out.json({ cursor: event.cursor, at: event.createTime, type: $case, ...value })
        else await out.line(`${String(event.cursor).padStart(4)}  ${eventShown(event.event)}`)
      }
    }),
  )
}

function eventShown(event: NonNullable<jobs.JobEvent['event']>): string {
  switch (event.$case) {
    case 'queued':
      return 'queued'
    case 'started':
      return `started, attempt ${event.value.attempt}`
    case 'progress': {
      const { fraction, stage } = event.value
      return [fraction === undefined ? 'progress' : `${Math.round(fraction * 100)} %`, stage].filter(Boolean).join(' ')
    }
    case 'output': {
      const { artifact, dataJson } = event.value
      return printable(
        artifact === undefined ? dataJson : `${artifact.role} ${artifact.id} (${bytesShown(artifact.sizeBytes)})`,
      )
    }
    case 'retrying':
      return printable(
        `retrying in ${secondsShown(event.value.delayMs)}: ${event.value.error?.message ?? 'given back'}`,
      )
    case 'succeeded':
      return event.value.fromCache ? 'succeeded, from cache' : 'succeeded'
    case 'failed':
      return printable(`failed: ${event.value.error?.code}: ${event.value.error?.message}`)
    case 'cancelled':
      return 'cancelled'
  }
}

export async function cancelJob(jobId: string, flags: Flags, context: CommandContext): Promise<void> {
  await withServices(flags, context, (clients) =>
    onJob(clients, jobId, async (client) => tellState((await client.cancel({ jobId })).job, flags, context)),
  )
}

export async function retryJob(jobId: string, flags: Flags, context: CommandContext): Promise<void> {
  await withServices(flags, context, (clients) =>
    onJob(clients, jobId, async (client) => {
      const { job } = await client.retry({ jobId })
      // Where it is done in this process, it has to be seen to its end.
      if (flags.server !== undefined) return tellState(job, flags, context)
      for await (const { job: ended } of client.watch({ jobId }, { signal: context.signal })) {
        if (ended !== undefined) await tellState(ended, flags, context)
      }
    }),
  )
}

async function tellState(message: JobMessage | undefined, flags: Flags, { out }: CommandContext): Promise<void> {
  const job = message?.job
  if (job === undefined) return
  if (flags.json === true) await out.json(jobJson(job))
  else await out.line(`${job.id} ${stateShown(job.state)}${job.cancelRequested ? ', to be cancelled' : ''}`)
}
