import { readFile } from 'node:fs/promises'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { CommandContext } from '../command-context.js'

/** The text of a file, or of standard input. @throws NOT_FOUND */
export async function readGraphFile(file: string, { input }: CommandContext): Promise<string> {
  if (file === '-') {
    const chunks: Buffer[] = []
    for await (const chunk of input as AsyncIterable<Buffer>) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks).toString()
  }
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** `name=value`: JSON if it is, else text; `name=@FILE` uploads the file and gives the id of its artifact. */
export async function readInputs(given: readonly string[], clients: Clients): Promise<{ [name: string]: unknown }> {
  const inputs: { [name: string]: unknown } = {}
  for (const one of given) {
    const [, name, value] = /^(\w+)=([\s\S]*)$/.exec(one) ?? []
    if (name === undefined || value === undefined) throw invalidField('--input', `must be NAME=VALUE, not ${one}`)
    inputs[name] = value.startsWith('@') ? await upload(value.slice(1), clients) : jsonOrText(value)
  }
  return inputs
}

async function upload(file: string, clients: Clients): Promise<string> {
  let content: Buffer
  try {
    content = await readFile(file)
  } catch (cause) {
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  return (await clients.artifacts.upload(content)).id
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
