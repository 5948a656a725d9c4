import { HoldfastError } from '@holdfast/errors'
import { dag } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import { printable, table } from '../printable.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'

const { ExecutionState } = dag

export async function showRun(
  id: string,
  flags: ServiceFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  const { out } = context
  await withServices(flags, context, async (clients) => {
    const { execution, nodes } = await clients.dag.getExecution({ executionId: id, withNodes: true })
    if (execution === undefined) throw new HoldfastError('INTERNAL', `Run ${id} was not answered`)
    if (flags.json === true) {
      const told = nodes.map(({ outputsJson, ...node }) => ({
        ...node,
        outputs: outputsJson === '' ? null : (JSON.parse(outputsJson) as unknown),
      }))
      return out.json({ run: executionJson(execution), nodes: told })
    }
    const { graph, error, failedNode, outputsJson, createTime, endTime } = execution
    await out.line(`${id}  ${graph}  ${stateName(execution.state)}`)
    await out.line(
      `since ${createTime?.toISOString() ?? '-'}${endTime === undefined ? '' : `, ended ${endTime.toISOString()}`}`,
    )
    if (error !== undefined)
      await out.line(printable(`failed${failedNode === '' ? '' : ` at ${failedNode}`}: ${error.message}`))
    await out.write(
      table(
        ['node', 'type', 'state', 'attempt', ''],
        nodes.map(({ node, type, state, attempt, error: failure }) => [
          node,
          type,
          state,
          String(attempt),
          failure?.message ??
            (type === 'approval' && state === 'running' ? 'waits for an answer: holdfast dag signal' : ''),
        ]),
      ),
    )
    if (outputsJson !== '') await out.line(JSON.stringify(JSON.parse(outputsJson), undefined, 2))
  })
}

export function stateName(state: dag.ExecutionState): string {
  const name = Object.entries(ExecutionState).find(([, value]) => value === state)?.[0] ?? 'unknown'
  return name.toLowerCase()
}

export function executionJson({ outputsJson, labels, state, createTime, endTime, ...execution }: dag.Execution): {
  readonly [name: string]: unknown
} {
  return {
    ...execution,
    state: stateName(state),
    labels: Object.fromEntries(labels),
    createdAt: createTime?.toISOString() ?? null,
    endedAt: endTime?.toISOString() ?? null,
    outputs: outputsJson === '' ? null : (JSON.parse(outputsJson) as unknown),
  }
}
