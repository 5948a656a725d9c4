import type { Clients } from '@holdfast/grpc-clients'
import type { speechToText } from '@holdfast/protocol'
import { withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { printableLines } from '../printable.js'
import { uploaded } from './input.js'
import { type JobFlags, jobOptions } from './media-options.js'
import { finished } from './run-job.js'
import { jobJson, timeShown, workShown } from './shown.js'

export interface TranscribeFlags extends JobFlags {
  readonly language?: string
  readonly prompt?: string
  readonly segments?: true
  readonly user: string
}

export async function transcribe(file: string, flags: TranscribeFlags, context: CommandContext): Promise<void> {
  const message = await withServices(flags, context, (clients) => heard(clients, file, flags, context))
  const { job, transcript } = message
  if (job === undefined || transcript === undefined) return
  if (flags.json === true) {
    await context.out.json({ ...transcript, job: jobJson(job) })
    return
  }
  await context.out.line(printableLines(flags.segments === true ? timed(transcript) : transcript.text))
  await context.err.line(`holdfast: ${timeShown(transcript.durationMs)} of audio, ${workShown(job)}`)
}

async function heard(
  clients: Clients,
  file: string,
  flags: TranscribeFlags,
  context: CommandContext,
): Promise<speechToText.TranscriptionJob> {
  const { speechToText: service } = clients
  const { language = '', prompt = '', user } = flags
  const audio = await uploaded(clients, file, context)
  const request = { audio, transcription: { language, prompt, userId: user }, options: jobOptions(flags) }
  const { job } = await service.submit(request, { signal: context.signal })
  return finished(service, job, 'transcribing', context)
}

function timed({ segments }: speechToText.Transcript): string {
  return segments.map(({ startMs, endMs, text }) => `[${timeShown(startMs)} – ${timeShown(endMs)}]  ${text}`).join('\n')
}
