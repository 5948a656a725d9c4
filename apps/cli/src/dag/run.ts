import { writeFile } from 'node:fs/promises'
import { HoldfastError, invalidField, type ErrorCode } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { dag } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import { readGraphFile, readInputs } from './graph-file.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import { type EventView, eventView } from './event-view.js'
import { executionJson } from './show.js'

interface RunFlags extends ServiceFlags {
  readonly input: readonly string[]
  readonly save: readonly string[]
  readonly kept?: true
  readonly key?: string
  readonly priority?: number
  readonly detach?: true
  readonly json?: true
}

export async function runGraph(file: string, flags: RunFlags, context: CommandContext): Promise<void> {
  const text = flags.kept === true ? file : await readGraphFile(file, context)
  await withServices(flags, context, async (clients) => {
    const inputs = await readInputs(flags.input, clients)
    const { execution } = await clients.dag.executeGraph({
      graph: flags.kept === true ? { $case: 'name', value: text } : { $case: 'text', value: text },
      inputsJson: JSON.stringify(inputs),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    })
    await follow(execution?.id ?? '', flags, clients, context)
  })
}

export async function retryRun(
  run: string,
  flags: ServiceFlags & { readonly from?: string; readonly detach?: true; readonly json?: true },
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, async (clients) => {
    const { execution } = await clients.dag.retryFrom({
      executionId: run,
      ...(flags.from === undefined ? {} : { node: flags.from }),
    })
    await follow(execution?.id ?? '', { ...flags, save: [] }, clients, context)
  })
}

export async function watchRun(
  run: string,
  flags: ServiceFlags & { readonly after?: number; readonly json?: true },
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, (clients) => follow(run, { ...flags, save: [] }, clients, context))
}

interface FollowFlags {
  readonly after?: number
  readonly save: readonly string[]
  readonly detach?: true
  readonly json?: true
}

/** Shows what happens until the end. @throws what the run failed with */
async function follow(id: string, flags: FollowFlags, clients: Clients, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  if (flags.detach === true) return out.line(id)
  const view: EventView | undefined = flags.json === true ? undefined : eventView(err)
  await view?.begin(id)
  try {
    for await (const event of clients.dag.streamExecution({ executionId: id, after: flags.after ?? 0 }, { signal })) {
      if (view === undefined) await out.line(`{"cursor":${event.cursor},"event":${event.eventJson}}`)
      else await view.show(event)
    }
  } finally {
    await view?.end()
  }
  const execution = await ended(id, clients)
  if (flags.json === true) await out.json({ run: executionJson(execution) })
  if (execution.state === dag.ExecutionState.SUCCEEDED) {
    if (flags.json !== true) await out.line(JSON.stringify(JSON.parse(execution.outputsJson || '{}'), undefined, 2))
    await saveOutputs(flags.save, execution, clients)
    return
  }
  const { code = 'CANCELLED', message = 'it was cancelled', reason } = execution.error ?? {}
  const where = execution.failedNode === '' ? '' : ` at ${execution.failedNode}`
  throw new HoldfastError(
    code as ErrorCode,
    `Run ${id} has ${execution.error === undefined ? 'not ended well' : 'failed'}${where}: ${message}`,
    reason === undefined ? {} : { reason },
  )
}

/** The record of a run follows its last event. */
async function ended(id: string, clients: Clients): Promise<dag.Execution> {
  for (;;) {
    const { execution } = await clients.dag.getExecution({ executionId: id })
    if (execution === undefined) throw new HoldfastError('INTERNAL', `Run ${id} was not answered`)
    if (execution.endTime !== undefined) return execution
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function saveOutputs(save: readonly string[], { outputsJson }: dag.Execution, clients: Clients): Promise<void> {
  const outputs = JSON.parse(outputsJson || '{}') as { readonly [name: string]: unknown }
  for (const one of save) {
    const [, name, file] = /^(\w+)=(.+)$/.exec(one) ?? []
    const artifactId = name === undefined ? undefined : outputs[name]
    if (file === undefined || typeof artifactId !== 'string')
      throw invalidField('--save', `must be OUTPUT=FILE, of an output with an artifact, not ${one}`)
    const { body } = await clients.artifacts.download({ artifactId })
    await writeFile(file, body)
  }
}
