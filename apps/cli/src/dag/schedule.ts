import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { dag } from '@holdfast/protocol'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { table } from '../printable.js'
import { readInputs } from './graph-file.js'

interface PutFlags extends ServiceFlags {
  readonly graph: string
  readonly cron: string
  readonly zone?: string
  readonly input: readonly string[]
  readonly missed?: string
  readonly paused?: true
  readonly json?: true
}

const { MissedPolicy } = dag
const policies = { skip: MissedPolicy.SKIP, once: MissedPolicy.ONCE, all: MissedPolicy.ALL } as const

export async function putSchedule(id: string, flags: PutFlags, context: CommandContext): Promise<void> {
  const { graph, cron, zone = '', missed = 'once', paused = false } = flags
  if (!Object.hasOwn(policies, missed)) throw invalidField('--missed', `must be skip, once or all, not ${missed}`)
  await withServices(flags, context, async (clients) => {
    const inputsJson = JSON.stringify(await readInputs(flags.input, clients))
    const policy = policies[missed as keyof typeof policies]
    const asked = { id, graph, cron, timeZone: zone, inputsJson, missed: policy, paused }
    const { schedule } = await clients.dag.putSchedule({ schedule: asked })
    await tell(schedule, flags, context)
  })
}

export async function listSchedules(
  flags: ServiceFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, async (clients) => {
    const found: dag.Schedule[] = []
    for await (const one of allSchedules(clients)) found.push(one)
    if (flags.json === true) return context.out.json({ schedules: found.map(scheduleJson) })
    const rows = found.map(({ id, graph, cron, timeZone, nextTime, paused }) => [
      id,
      graph,
      cron,
      timeZone,
      paused ? 'paused' : (nextTime?.toISOString() ?? 'never'),
    ])
    return context.out.write(table(['schedule', 'graph', 'cron', 'zone', 'next'], rows))
  })
}

/** A schedule that goes on has its next time from now on: what was left out while it was paused was not missed. */
export async function pauseSchedule(
  id: string,
  paused: boolean,
  flags: ServiceFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, async (clients) => {
    for await (const one of allSchedules(clients)) {
      if (one.id !== id) continue
      const { schedule } = await clients.dag.putSchedule({ schedule: { ...one, paused } })
      return tell(schedule, flags, context)
    }
    throw new HoldfastError('NOT_FOUND', `There is no schedule ${id}`, { reason: 'SCHEDULE_NOT_FOUND' })
  })
}

export async function deleteSchedule(id: string, flags: ServiceFlags, context: CommandContext): Promise<void> {
  await withServices(flags, context, async (clients) => void (await clients.dag.deleteSchedule({ id })))
}

async function* allSchedules(clients: Clients): AsyncGenerator<dag.Schedule> {
  for (let pageToken = ''; ;) {
    const { schedules, nextPageToken } = await clients.dag.listSchedules({ pageSize: 500, pageToken })
    yield* schedules
    if (nextPageToken === '') return
    pageToken = nextPageToken
  }
}

async function tell(
  schedule: dag.Schedule | undefined,
  { json }: { readonly json?: true },
  { out }: CommandContext,
): Promise<void> {
  if (schedule === undefined) throw new HoldfastError('INTERNAL', 'The schedule was not answered')
  if (json === true) return out.json(scheduleJson(schedule))
  const { id, graph, nextTime, paused } = schedule
  const next = paused ? 'is paused' : `comes next at ${nextTime?.toISOString() ?? 'no time'}`
  return out.line(`${id} starts ${graph} and ${next}`)
}

function scheduleJson({ inputsJson, missed, nextTime, ...rest }: dag.Schedule): { readonly [name: string]: unknown } {
  return {
    ...rest,
    inputs: JSON.parse(inputsJson || '{}') as unknown,
    missed: Object.entries(policies).find(([, policy]) => policy === missed)?.[0] ?? 'once',
    next: nextTime?.toISOString() ?? null,
  }
}
