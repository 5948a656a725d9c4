import { extname } from 'node:path'
import { invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { BlobReference } from '@holdfast/protocol'
import type { Message } from '@holdfast/session'
import type { CommandContext } from '../command-context.js'
import { uploaded } from '../media/input.js'
import { save } from '../media/save.js'

/** What the chat service has looked at, or listened to; by the ending of a file's name. */
const contentTypes: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.avif': 'image/avif',
  '.wav': 'audio/wav',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.flac': 'audio/flac',
  '.m4a': 'audio/mp4',
}

/** A picture or a recording for a message: a file, or `artifact:ID`.
 *  @throws INVALID_ARGUMENT if it is neither; as `uploaded` */
export async function attachment(clients: Clients, file: string, context: CommandContext): Promise<BlobReference> {
  const ofName = contentTypes[extname(file).toLowerCase()]
  const isStored = file.startsWith('artifact:')
  if (ofName === undefined && !isStored) {
    throw invalidField('--attach', `is ${file}: its name must end with ${Object.keys(contentTypes).join(', ')}`)
  }
  const { source, name } = await uploaded(clients, file, context, ofName)
  const { artifact } = await clients.artifacts.getArtifact({ artifactId: source.value }, { signal: context.signal })
  const { contentType = '', sizeBytes = 0 } = artifact ?? {}
  const type = ofName ?? contentType
  if (!/^(image|audio)\//.test(type)) throw invalidField('--attach', `is ${file}, which is ${type}`)
  return { hash: source.value, contentType: type, sizeBytes, name: name === '' ? (artifact?.name ?? '') : name }
}

/** Writes the sound of a reply to a file; what could not be spoken has none. */
export async function saveSound(
  clients: Clients,
  { parts }: Message,
  file: string,
  context: CommandContext,
): Promise<void> {
  for (const part of parts) {
    if (part.type === 'audio' && part.hash !== undefined) return save(clients, part.hash, file, context)
  }
  await context.err.line('holdfast: the reply was not spoken')
}
