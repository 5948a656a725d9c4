import { invalidField } from '@holdfast/errors'
import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { collect, number, withJobOptions, withServerOption } from '../media/media-options.js'
import { wholeNumber, withStoreOptions } from './store-options.js'

export function transcribeCommand(context: CommandContext): Command {
  return withJobOptions(new Command('transcribe'))
    .description(
      'Write down what is said in a recording. The recording, the transcript and how it came about are kept.',
    )
    .argument(
      '<file>',
      'WAV; with ffmpeg also FLAC, MP3, OGG, M4A and others; `-`: standard input; `artifact:ID`: what is stored',
    )
    .option(
      '--language <tag>',
      'what is spoken, as `en` (default: the model finds out, or takes the one that it knows)',
    )
    .option('--prompt <text>', 'words that are likely to come')
    .option('--user <id>', 'among whose messages `search` and recall find what is said; empty: nobody’s', 'local')
    .option('--segments', 'a line for each stretch of speech, with its time')
    .action(async (file, flags) => (await import('../media/transcribe.js')).transcribe(file, flags, context))
}

export function speakCommand(context: CommandContext): Command {
  return withJobOptions(new Command('speak'))
    .description('Have a text read out.')
    .argument('[text]', '`-`: standard input')
    .option('-o, --output <file>', 'where the audio goes; `-`: standard output, sentence by sentence')
    .option('--voice <id>', 'default: the model’s own')
    .option('--speed <factor>', '0.5 to 2 (default: 1)', number('--speed', 0.5, 2))
    .option('--format <name>', 'wav, pcm; with ffmpeg mp3, ogg, flac, m4a (default: by the name of the file)')
    .option('--ssml', 'the text is SSML')
    .option('--voices', 'list the voices instead')
    .action(async (text, flags) => (await import('../media/speak.js')).speak(text, flags, context))
}

export function seeCommand(context: CommandContext): Command {
  return withJobOptions(new Command('see'))
    .description(
      'Say what is in a picture: in words, things with their places, and what is written (default: all three).',
    )
    .argument('<file>', 'PNG, JPEG, WebP, GIF or AVIF; `-`: standard input; `artifact:ID`: what is stored')
    .option('--describe', 'in words')
    .option('--detect', 'things, with boxes')
    .option('--read', 'what is written')
    .option('--compare <file>', 'how alike another picture is')
    .option('--prompt <text>', 'what to look for, where a language model looks')
    .option('--min-score <n>', 'how sure to be of a thing, 0 to 1 (default: 0.4)', number('--min-score', 0, 1))
    .action(async (file, flags) => (await import('../media/see.js')).see(file, flags, context))
}

export function imagineCommand(context: CommandContext): Command {
  return withJobOptions(new Command('imagine'))
    .description('Make pictures from words, or change one.')
    .argument('<prompt>', '`-`: standard input')
    .option('-o, --output <file>', 'where the picture goes; of several, FILE-1, FILE-2, …; `-`: standard output')
    .option('--negative <text>', 'what must not be there')
    .option('--size <WxH>', 'in pixels (default: 512x512)', parseSize)
    .option('--count <n>', 'how many', wholeNumber('--count', 1), 1)
    .option('--seed <n>', 'the same one makes the same picture, where the model takes seeds', wholeNumber('--seed', 0))
    .option('--format <name>', 'png, jpeg or webp (default: by the name of the file)')
    .option('--quality <n>', 'of jpeg and webp, 1 to 100 (default: 85)', number('--quality', 1, 100))
    .option('--edit <file>', 'change this picture')
    .option('--mask <file>', 'PNG: only where it is transparent')
    .action(async (prompt, flags) => (await import('../media/imagine.js')).imagine(prompt, flags, context))
}

/** @throws INVALID_ARGUMENT */
function parseSize(text: string): { readonly width: number; readonly height: number } {
  const [, width, height] = /^(\d{1,5})[x×](\d{1,5})$/.exec(text) ?? []
  if (width === undefined || height === undefined) throw invalidField('--size', `must be as 512x512, not ${text}`)
  return { width: Number(width), height: Number(height) }
}

export function jobsCommand(context: CommandContext): Command {
  const jobs = new Command('jobs').description('What the services of media do and did.')
  jobs.addCommand(
    withServerOption(new Command('list'))
      .description('Newest first.')
      .option('--kind <kind>', 'speech-to-text, text-to-speech, vision-ai or image-generation')
      .option('--state <state...>', 'queued, running, succeeded, failed, cancelled', collect)
      .option('--label <label>', 'only those that have it')
      .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1), 50)
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('../media/jobs.js')).listJobs(flags, context)),
  )
  jobs.addCommand(
    withServerOption(new Command('show'))
      .description('All that is known of a job.')
      .argument('<job>')
      .option('--json', 'one JSON object, with the result')
      .action(async (job, flags) => (await import('../media/jobs.js')).showJob(job, flags, context)),
  )
  jobs.addCommand(
    withServerOption(new Command('watch'))
      .description('What has happened to a job, then what happens, until it ends.')
      .argument('<job>')
      .option('--after <cursor>', 'behind this event', wholeNumber('--after', 0), 0)
      .option('--json', 'one JSON object a line')
      .action(async (job, flags) => (await import('../media/jobs.js')).watchJob(job, flags, context)),
  )
  for (const [name, description, run] of [
    ['cancel', 'Stop a job, and the model that works on it.', 'cancelJob'],
    ['retry', 'Do a failed or cancelled job once more.', 'retryJob'],
  ] as const) {
    jobs.addCommand(
      withServerOption(new Command(name))
        .description(description)
        .argument('<job>')
        .option('--json', 'one JSON object')
        .action(async (job, flags) => (await import('../media/jobs.js'))[run](job, flags, context)),
    )
  }
  return jobs
}

export function lineageCommand(context: CommandContext): Command {
  return withServerOption(new Command('lineage'))
    .description('What something was made from, and what was made from it, as a tree.')
    .argument('<id>', 'of an artifact or a job; CONVERSATION/SEQ: a message')
    .option('--depth <n>', 'how many steps to go, each way (default: 10)', wholeNumber('--depth', 1))
    .option('--json', 'one JSON object')
    .action(async (id, flags) => (await import('../media/lineage.js')).lineage(id, flags, context))
}

export function modelsCommand(context: CommandContext): Command {
  const models = new Command('models').description('What hears, speaks, sees, paints and embeds.')
  models.addCommand(
    withStoreOptions(new Command('list'))
      .description(
        'Local models, and those of endpoints that are configured; which of them are used, and which are ready.',
      )
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('../media/models.js')).listModels(flags, context)),
  )
  models.addCommand(
    withStoreOptions(new Command('install'))
      .description('Install a local model, or say which command does where npm installs it.')
      .argument('<name>')
      .action(async (name, flags) => (await import('../media/models.js')).installModel(name, flags, context)),
  )
  models.addCommand(
    withStoreOptions(new Command('remove'))
      .description('Remove a model that `models install` brought.')
      .argument('<name>')
      .action(async (name, flags) => (await import('../media/models.js')).removeModel(name, flags, context)),
  )
  return models
}
