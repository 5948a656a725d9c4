import { writeFile } from 'node:fs/promises'
import { invalidField } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import { drawGraph } from './draw-graph.js'
import { readGraphFile } from './graph-file.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'

interface GraphFlags extends ServiceFlags {
  readonly run?: string
  readonly output?: string
}

/** Draws a graph, or a run of one with what its nodes are at. */
export async function showGraph(file: string | undefined, flags: GraphFlags, context: CommandContext): Promise<void> {
  if ((file === undefined) === (flags.run === undefined))
    throw invalidField('file', 'or --run must be given, and not both')
  const svg = file === undefined ? await drawRun(flags.run ?? '', flags, context) : await drawFile(file, context)
  if (flags.output === undefined) await context.out.write(svg)
  else await writeFile(flags.output, svg)
}

async function drawFile(file: string, context: CommandContext): Promise<string> {
  const { compileGraph, readGraphText } = await import('@holdfast/dag-execution')
  return drawGraph(compileGraph(readGraphText(await readGraphFile(file, context))), new Map())
}

async function drawRun(run: string, flags: GraphFlags, context: CommandContext): Promise<string> {
  const { compileGraph } = await import('@holdfast/dag-execution')
  return withServices(flags, context, async ({ dag }) => {
    const { execution, nodes } = await dag.getExecution({ executionId: run, withNodes: true })
    const { graph, version } = execution ?? {}
    const stored = await dag.getGraph({ name: graph ?? '', version: version ?? '' })
    const states = new Map(nodes.map(({ node, state }) => [node, state]))
    return drawGraph(compileGraph(JSON.parse(stored.graph?.graphJson ?? '{}')), states)
  })
}
