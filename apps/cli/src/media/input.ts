import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { jobs } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import { startProgress } from '../progress.js'

type NamedMedia = { readonly source: { readonly $case: 'artifactId'; readonly value: string }; readonly name: string }

const wordOfErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
}

/** `artifact:ID`, of what is stored already. */
const ofArtifact = /^artifact:(.+)$/

/** Uploads a file, or standard input for `-`, and names it for a request; what `artifact:ID` names is there.
 *  @throws NOT_FOUND, FAILED_PRECONDITION about the file; as `upload` */
export async function uploaded(
  clients: Clients,
  file: string,
  context: CommandContext,
  contentType = '',
): Promise<NamedMedia> {
  const { signal, input, err } = context
  const [, id] = ofArtifact.exec(file) ?? []
  if (id !== undefined) return { source: { $case: 'artifactId', value: id }, name: '' }
  if (file === '-') {
    const { id } = await clients.artifacts.upload(input as AsyncIterable<Uint8Array>, { signal })
    return { source: { $case: 'artifactId', value: id }, name: '' }
  }
  const sizeBytes = await sizeOf(file)
  const name = basename(file)
  const progress = startProgress(err, 'uploading')
  let sent = 0
  async function* content(): AsyncGenerator<Uint8Array> {
    sent = 0
    for await (const bytes of createReadStream(file) as AsyncIterable<Uint8Array>) {
      yield bytes
      sent += bytes.length
      progress.update(sent, sizeBytes)
    }
  }
  try {
    const artifact: jobs.Artifact = await clients.artifacts.upload(content, { name, sizeBytes, contentType, signal })
    return { source: { $case: 'artifactId', value: artifact.id }, name }
  } finally {
    progress.stop()
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file)
    if (!found.isDirectory()) return found.size
    throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const why = wordOfErrors[code] ?? String(cause)
    const kind = code === 'ENOENT' ? 'NOT_FOUND' : 'FAILED_PRECONDITION'
    throw new HoldfastError(kind, `${file} cannot be read, because ${why}: check the path`, { cause })
  }
}

/** A text of the command line, or standard input for `-`. */
export async function textOf(argument: string, { input }: CommandContext): Promise<string> {
  return argument === '-' ? (await text(input)).trimEnd() : argument
}
