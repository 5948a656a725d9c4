import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { vision } from '@holdfast/protocol'
import { withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { printable, printableLines } from '../printable.js'
import { uploaded } from './input.js'
import { type JobFlags, jobOptions } from './media-options.js'
import { finished } from './run-job.js'
import { jobJson, workShown } from './shown.js'

export interface SeeFlags extends JobFlags {
  readonly describe?: true
  readonly detect?: true
  readonly read?: true
  readonly compare?: string
  readonly prompt?: string
  readonly minScore?: number
}

const { VisionTask } = vision

export async function see(file: string, flags: SeeFlags, context: CommandContext): Promise<void> {
  const { job, result } = await withServices(flags, context, (clients) => seen(clients, file, flags, context))
  if (job === undefined || result === undefined) return
  if (flags.json === true) await context.out.json({ ...result, job: jobJson(job) })
  else {
    await context.out.line(shown(result))
    await context.err.line(`holdfast: ${workShown(job)}`)
  }
}

async function seen(
  clients: Clients,
  file: string,
  flags: SeeFlags,
  context: CommandContext,
): Promise<vision.VisionJob> {
  const { describe, detect, read, compare, prompt = '', minScore } = flags
  const asked = [
    ...(describe === true || prompt !== '' ? [VisionTask.DESCRIBE] : []),
    ...(detect === true ? [VisionTask.DETECT] : []),
    ...(read === true ? [VisionTask.READ_TEXT] : []),
    ...(compare === undefined ? [] : [VisionTask.COMPARE]),
  ]
  const picture = await uploaded(clients, file, context)
  const other = compare === undefined ? undefined : await uploaded(clients, compare, context)
  const run = async (tasks: vision.VisionTask[]): Promise<vision.VisionJob> => {
    const request = { picture, tasks, describe: { prompt }, detect: { minScore }, options: jobOptions(flags), other }
    const { job } = await clients.vision.submit(request, { signal: context.signal })
    return finished(clients.vision, job, 'looking', context)
  }
  if (asked.length > 0) return run(asked)
  try {
    return await run([VisionTask.DESCRIBE, VisionTask.DETECT, VisionTask.READ_TEXT])
  } catch (error) {
    // Few language models can say where things are; nobody asked for it in particular.
    if (!(error instanceof HoldfastError) || error.code !== 'UNIMPLEMENTED') throw error
    return run([VisionTask.DESCRIBE, VisionTask.READ_TEXT])
  }
}

function shown({ description, detections, text, comparison }: vision.VisionResult): string {
  const parts: string[] = []
  if (description !== undefined) parts.push(printableLines(description.text))
  if (detections !== undefined) parts.push(objectsShown(detections))
  if (text !== undefined) parts.push(text.lines.length === 0 ? 'No text.' : `Text:\n${textShown(text)}`)
  if (comparison !== undefined) parts.push(`Similarity: ${comparison.similarity.toFixed(3)}`)
  return parts.join('\n\n')
}

function objectsShown({ objects }: vision.Detections): string {
  if (objects.length === 0) return 'No objects.'
  const lines = objects.map(({ label, score, box }) => {
    const { left = 0, top = 0, width = 0, height = 0 } = box ?? {}
    const place = [left, top, width, height].map(Math.round)
    return `  ${printable(label).padEnd(14)} ${Math.round(score * 100)} %  ${place[2]}×${place[3]} at ${place[0]},${place[1]}`
  })
  return ['Objects:', ...lines].join('\n')
}

function textShown({ lines }: vision.ReadTextResult): string {
  return lines.map(({ text }) => `  ${printable(text)}`).join('\n')
}
