import { extname } from 'node:path'
import { invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { imageGeneration } from '@holdfast/protocol'
import { withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { textOf, uploaded } from './input.js'
import { type JobFlags, jobOptions } from './media-options.js'
import { finished } from './run-job.js'
import { checkOutput, save } from './save.js'
import { artifactJson, bytesShown, jobJson, workShown } from './shown.js'

export interface ImagineFlags extends JobFlags {
  readonly output?: string
  readonly negative?: string
  readonly size?: { readonly width: number; readonly height: number }
  readonly count: number
  readonly seed?: number
  readonly format?: string
  readonly quality?: number
  readonly edit?: string
  readonly mask?: string
}

const { ImageFormat } = imageGeneration

export const imageFormats: ReadonlyMap<string, imageGeneration.ImageFormat> = new Map([
  ['png', ImageFormat.PNG],
  ['jpeg', ImageFormat.JPEG],
  ['jpg', ImageFormat.JPEG],
  ['webp', ImageFormat.WEBP],
])

export async function imagine(argument: string, flags: ImagineFlags, context: CommandContext): Promise<void> {
  const output = checkOutput(flags.output, context)
  const { negative = '', size = { width: 0, height: 0 }, count, seed, quality = 0 } = flags
  if (output === '-' && count > 1) throw invalidField('--count', 'must be 1 where one file comes out')
  if (flags.mask !== undefined && flags.edit === undefined) throw invalidField('--mask', 'needs --edit FILE')
  const prompt = await textOf(argument, context)
  const format = formatOf(flags.format, output)
  const spec = { prompt, negativePrompt: negative, ...size, count, seed, format, quality }
  await withServices(flags, context, async (clients) => {
    const { imageGeneration: service } = clients
    const edit = await editOf(clients, flags, context)
    const submitted = await service.submit({ spec, edit, options: jobOptions(flags) }, { signal: context.signal })
    const { job, images } = await finished(service, submitted.job, 'painting', context)
    if (job === undefined) return
    const files = images.map((_, place) => nameOf(output, place, images.length))
    for (const [place, { image }] of images.entries())
      await save(clients, image?.id ?? '', files[place] ?? '-', context)
    await tell(job, images, files, flags.json === true && output !== '-', context)
  })
}

async function tell(
  job: Parameters<typeof workShown>[0],
  images: readonly imageGeneration.GeneratedImage[],
  files: readonly string[],
  isJson: boolean,
  { out, err }: CommandContext,
): Promise<void> {
  if (isJson) {
    const shown = images.map(({ image, thumbnail, width, height, seed, revisedPrompt, kind }, place) => ({
      file: files[place],
      width,
      height,
      revisedPrompt,
      kind,
      seed: seed ?? null,
      image: image === undefined ? null : artifactJson(image),
      thumbnailId: thumbnail?.id ?? null,
    }))
    await out.json({ images: shown, job: jobJson(job) })
    return
  }
  for (const [place, { width, height, seed, kind, image }] of images.entries()) {
    const facts = [
      `${width}×${height}`,
      bytesShown(image?.sizeBytes ?? 0),
      ...(seed === undefined ? [] : [`seed ${seed}`]),
    ]
    const what = kind === 'procedural' ? '; procedural: a seeded scene, no generative model' : ''
    await err.line(`holdfast: ${files[place]}: ${facts.join(', ')}${what}`)
  }
  await err.line(`holdfast: ${workShown(job)}`)
}

async function editOf(clients: Clients, { edit, mask }: ImagineFlags, context: CommandContext) {
  if (edit === undefined) return undefined
  const picture = await uploaded(clients, edit, context)
  return { picture, mask: mask === undefined ? undefined : await uploaded(clients, mask, context) }
}

function formatOf(name: string | undefined, output: string): imageGeneration.ImageFormat {
  const wanted = name ?? (output === '-' ? 'png' : extname(output).slice(1).toLowerCase())
  const format = imageFormats.get(wanted === '' ? 'png' : wanted)
  if (format !== undefined) return format
  throw invalidField('--format', `is ${wanted}: known are ${[...imageFormats.keys()].join(', ')}`)
}

/** `hill.png`; of several `hill-1.png`, `hill-2.png`. */
function nameOf(output: string, place: number, count: number): string {
  if (count === 1) return output
  const extension = extname(output)
  return `${output.slice(0, output.length - extension.length)}-${place + 1}${extension}`
}
