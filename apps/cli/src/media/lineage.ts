import type { artifacts, jobs } from '@holdfast/protocol'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { printable } from '../printable.js'
import { artifactJson, bytesShown, costShown, jobJson, modelShown, secondsShown, stateShown } from './shown.js'

interface LineageFlags extends ServiceFlags {
  readonly depth?: number
  readonly json?: true
}

export async function lineage(id: string, flags: LineageFlags, context: CommandContext): Promise<void> {
  const { out } = context
  const { node, madeFrom, madeInto } = await withServices(flags, context, (clients) =>
    clients.artifacts.getLineage({ id, depth: flags.depth ?? 0 }, { signal: context.signal }),
  )
  if (node === undefined) return
  if (flags.json === true) {
    await out.json({ node: nodeJson(node), madeFrom: madeFrom.map(nodeJson), madeInto: madeInto.map(nodeJson) })
    return
  }
  const branches = [
    ...(madeFrom.length === 0 ? [] : [{ title: 'made from', nodes: madeFrom }]),
    ...(madeInto.length === 0 ? [] : [{ title: 'made into', nodes: madeInto }]),
  ]
  const lines = [lineOf(node)]
  for (const [place, { title, nodes }] of branches.entries()) {
    const isLast = place === branches.length - 1
    lines.push(`${isLast ? '└─' : '├─'} ${title}`, ...below(nodes, isLast ? '   ' : '│  '))
  }
  await out.line(lines.join('\n'))
}

function below(nodes: readonly artifacts.LineageNode[], indent: string): string[] {
  return nodes.flatMap((node, place) => {
    const isLast = place === nodes.length - 1
    const inner = `${indent}${isLast ? '   ' : '│  '}`
    const rest = node.isCut ? [`${inner}└─ …`] : []
    return [`${indent}${isLast ? '└─' : '├─'} ${lineOf(node)}`, ...below(node.nodes, inner), ...rest]
  })
}

function lineOf({ id, subject }: artifacts.LineageNode): string {
  switch (subject?.$case) {
    case 'artifact':
      return printable(artifactShown(subject.value))
    case 'message':
      return printable(`message ${subject.value.seq} of conversation ${subject.value.conversationId}`)
    case 'job':
      return printable(
        `job ${subject.value.id}, ${subject.value.kind}, ${stateShown(subject.value.state)}, ${modelShown(subject.value.model)}`,
      )
    default:
      return printable(`${id} (nothing is known of it any more)`)
  }
}

function artifactShown({
  id,
  role,
  contentType,
  sizeBytes,
  name,
  model,
  jobKind,
  durationMs,
  cost,
}: jobs.Artifact): string {
  const what = [contentType, bytesShown(sizeBytes), name].filter((part) => part !== '').join(', ')
  const price = costShown(cost)
  const by = jobKind === '' ? '' : `, by ${jobKind} (${modelShown(model)}) in ${secondsShown(durationMs)}`
  return `${role} ${id} (${what})${by}${price === '' ? '' : `, ${price}`}`
}

function nodeJson({ id, subject, nodes, isCut }: artifacts.LineageNode): Record<string, unknown> {
  const about =
    subject === undefined
      ? {}
      : {
          [subject.$case]:
            subject.$case === 'artifact'
              ? artifactJson(subject.value)
              : subject.$case === 'job'
                ? jobJson(subject.value)
                : subject.value,
        }
  return { id, ...about, nodes: nodes.map(nodeJson), isCut }
}
