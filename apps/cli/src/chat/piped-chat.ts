import { createInterface } from 'node:readline'
import { HoldfastError, errorCodes } from '@holdfast/errors'
import { type Message, textOf } from '@holdfast/session'
import type { CommandContext } from '../command-context.js'
import type { ConversationChat } from './conversation-chat.js'
import { shortcoming } from './show-reply.js'

/** One message a line from standard input, each reply to standard output; with `json` one object a line. Ends with the input.
 *  @throws what a reply failed with, CANCELLED on a signal */
export async function chatOverPipes(
  chat: ConversationChat,
  context: CommandContext,
  json: boolean,
  onReply: (message: Message) => Promise<void> = async () => {},
): Promise<void> {
  const { input, out, err, signal } = context
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  const stop = (): void => {
    lines.close()
    chat.cancel()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const line of messagesOf(lines, chat)) {
      const message = await chat.ask(line, json ? async () => {} : (text) => out.write(text))
      if (json) await out.json({ conversation: chat.id, seq: message.seq, text: textOf(message), reply: message.reply })
      else await out.write('\n')
      const lacks = shortcoming(message)
      if (lacks !== undefined) await err.line(`holdfast: the reply was ${lacks}`)
      if (message.reply?.status === 'failed') throw failureOf(message)
      await onReply(message)
      if (signal.aborted) break
    }
  } finally {
    signal.removeEventListener('abort', stop)
    lines.close()
  }
  if (signal.aborted) throw new HoldfastError('CANCELLED', 'The chat was stopped; the conversation is stored')
}

/** What is attached needs no words. */
async function* messagesOf(lines: AsyncIterable<string>, chat: ConversationChat): AsyncGenerator<string> {
  for await (const line of lines) if (line.trim() !== '') yield line
  if (chat.hasAttached) yield ''
}

function failureOf({ reply }: Message): HoldfastError {
  const code = errorCodes.find((known) => known === reply?.error?.code) ?? 'UNKNOWN'
  return new HoldfastError(code, `The model failed: ${reply?.error?.message ?? 'it did not say why'}`)
}
