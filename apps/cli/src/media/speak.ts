import { extname } from 'node:path'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { textToSpeech } from '@holdfast/protocol'
import { withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { table } from '../printable.js'
import { textOf } from './input.js'
import { type JobFlags, jobOptions } from './media-options.js'
import { finished, succeeded } from './run-job.js'
import { checkOutput, save } from './save.js'
import { artifactJson, bytesShown, jobJson, timeShown, workShown } from './shown.js'

export interface SpeakFlags extends JobFlags {
  readonly output?: string
  readonly voice?: string
  readonly speed?: number
  readonly format?: string
  readonly ssml?: true
  readonly voices?: true
}

const { AudioFormat } = textToSpeech

export const audioFormats: ReadonlyMap<string, textToSpeech.AudioFormat> = new Map([
  ['wav', AudioFormat.WAV],
  ['pcm', AudioFormat.PCM_S16LE],
  ['mp3', AudioFormat.MP3],
  ['ogg', AudioFormat.OGG_OPUS],
  ['opus', AudioFormat.OGG_OPUS],
  ['flac', AudioFormat.FLAC],
  ['m4a', AudioFormat.M4A],
])

export async function speak(argument: string | undefined, flags: SpeakFlags, context: CommandContext): Promise<void> {
  if (flags.voices === true) {
    await withServices(flags, context, (clients) => listVoices(clients, flags, context))
    return
  }
  if (argument === undefined) throw invalidField('text', 'is missing: say what to speak, or `-` for standard input')
  const output = checkOutput(flags.output, context)
  const { voice = '', speed = 1, ssml } = flags
  const text = await textOf(argument, context)
  const source = { $case: ssml === true ? ('ssml' as const) : ('text' as const), value: text }
  const input = { source, voice, speed, format: formatOf(flags.format, output) }
  await withServices(flags, context, (clients) =>
    output === '-' ? streamed(clients, input, flags, context) : saved(clients, input, output, flags, context),
  )
}

/** `--format`, or what the name of the file says. @throws INVALID_ARGUMENT */
function formatOf(name: string | undefined, output: string): textToSpeech.AudioFormat {
  const wanted = name ?? (output === '-' ? 'wav' : extname(output).slice(1).toLowerCase())
  const format = audioFormats.get(wanted === '' ? 'wav' : wanted)
  if (format !== undefined) return format
  const known = [...audioFormats.keys()].join(', ')
  throw invalidField('--format', `is ${wanted}: known are ${known}`)
}

type Input = NonNullable<Parameters<Clients['textToSpeech']['submit']>[0]['input']>

async function saved(
  clients: Clients,
  input: Input,
  output: string,
  flags: SpeakFlags,
  context: CommandContext,
): Promise<void> {
  const { textToSpeech: service } = clients
  const submitted = await service.submit({ input, options: jobOptions(flags) }, { signal: context.signal })
  const { job, speech } = await finished(service, submitted.job, 'speaking', context)
  if (job === undefined || speech?.audio === undefined) return
  await save(clients, speech.audio.id, output, context)
  if (flags.json === true) {
    await context.out.json({ ...speech, file: output, audio: artifactJson(speech.audio), job: jobJson(job) })
    return
  }
  const facts = `${timeShown(speech.durationMs)}, ${bytesShown(speech.audio.sizeBytes)}`
  await context.err.line(`holdfast: ${output}: ${facts}, ${speech.voice}; ${workShown(job)}`)
}

/** Plays from the first sentence on: `holdfast speak … -o - | aplay`. */
async function streamed(clients: Clients, input: Input, flags: SpeakFlags, context: CommandContext): Promise<void> {
  const options = { signal: context.signal }
  for await (const { event } of clients.textToSpeech.streamSpeak({ input, options: jobOptions(flags) }, options)) {
    if (event?.$case === 'chunk') await context.out.write(event.value.audio)
    if (event?.$case !== 'finished') continue
    const { job } = succeeded(event.value)
    if (job !== undefined) await context.err.line(`holdfast: ${workShown(job)}`)
    return
  }
  throw new HoldfastError('UNAVAILABLE', 'The speech broke off: try again')
}

async function listVoices(clients: Clients, flags: SpeakFlags, { out }: CommandContext): Promise<void> {
  const { voices } = await clients.textToSpeech.listVoices({})
  if (flags.json === true) {
    const list = voices.map(({ id, name, language, isDefault }) => ({ id, name, language, isDefault }))
    await out.json({ voices: list })
    return
  }
  const rows = voices.map(({ id, name, language, isDefault }) => [id, name, language, isDefault ? 'yes' : ''])
  await out.write(table(['voice', 'name', 'language', 'default'], rows))
}
