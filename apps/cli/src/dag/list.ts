import { invalidField } from '@holdfast/errors'
import { dag } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import { table } from '../printable.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import { executionJson, stateName } from './show.js'

interface ListFlags extends ServiceFlags {
  readonly graph?: string
  readonly state?: string
  readonly limit?: number
  readonly graphs?: true
  readonly json?: true
}

export async function listRuns(flags: ListFlags, context: CommandContext): Promise<void> {
  const { out } = context
  const pageSize = Math.min(500, flags.limit ?? 50)
  await withServices(flags, context, async (clients) => {
    if (flags.graphs === true) {
      const { graphs } = await clients.dag.listGraphs({ pageSize })
      if (flags.json === true)
        return out.json({ graphs: graphs.map(({ name, version, description }) => ({ name, version, description })) })
      return out.write(
        table(
          ['graph', 'version', 'description'],
          graphs.map(({ name, version, description }) => [name, version.slice(0, 12), description]),
        ),
      )
    }
    const request = { pageSize, graph: flags.graph ?? '', state: stateNamed(flags.state) }
    const { executions } = await clients.dag.listExecutions(request)
    if (flags.json === true) return out.json({ runs: executions.map(executionJson) })
    const rows = executions.map(({ id, graph, state, createTime, failedNode }) => [
      id,
      graph,
      stateName(state),
      createTime?.toISOString() ?? '',
      failedNode,
    ])
    return out.write(table(['run', 'graph', 'state', 'started', 'failed at'], rows))
  })
}

function stateNamed(name: string | undefined): dag.ExecutionState {
  if (name === undefined) return dag.ExecutionState.UNSPECIFIED
  const found = Object.entries(dag.ExecutionState).find(
    ([known]) => known === name.toUpperCase() && known !== 'UNSPECIFIED' && known !== 'UNRECOGNIZED',
  )
  if (found === undefined)
    throw invalidField('--state', `must be queued, running, paused, succeeded, failed or cancelled, not ${name}`)
  return found[1]
}
