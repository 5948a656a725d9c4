import { type Interface, createInterface } from 'node:readline'
import { asHoldfastError } from '@holdfast/errors'
import type { Message } from '@holdfast/session'
import { printable, printableLines } from '../printable.js'
import type { Output } from '../output.js'
import type { ConversationChat } from './conversation-chat.js'
import { shortcoming } from './show-reply.js'

const prompt = 'you> '

export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly out: Output
  /** Ends the chat. */
  readonly signal: AbortSignal
  /** What `/attach FILE` does, before the message that it goes with. */
  readonly attach?: (file: string) => Promise<void>
  readonly onReply?: (message: Message) => Promise<void>
}

const attaching = /^\/attach\s+(\S.*)$/

/** A chat with a person. Ctrl-C stops a reply; at an empty prompt it leaves the second time, Ctrl-D the first. What is typed
 *  while a reply comes is sent after it. */
export async function chatInTerminal(
  chat: ConversationChat,
  terminal: Terminal,
  activeReplyId?: string,
): Promise<void> {
  const { input, out, signal, attach, onReply } = terminal
  const lines = createInterface({ input, output: out.stream, prompt, terminal: true })
  const stop = (): void => lines.close()
  signal.addEventListener('abort', stop, { once: true })
  let aboutToLeave = false
  lines.on('SIGINT', () => {
    if (chat.cancel()) return
    if (aboutToLeave && lines.line === '') lines.close()
    else {
      aboutToLeave = true
      clearLine(lines)
      void out.line('\n(Ctrl-C again or Ctrl-D leaves)').then(() => lines.prompt())
    }
  })
  try {
    if (activeReplyId !== undefined) await show(out, (onText) => chat.follow(activeReplyId, onText))
    lines.prompt()
    for await (const line of lines) {
      aboutToLeave = false
      const file = attaching.exec(line.trim())?.[1]
      if (file !== undefined && attach !== undefined) await attachShown(out, file, attach)
      else if (line.trim() !== '' || chat.hasAttached)
        await show(out, (onText) => chat.ask(line.trim() === '' ? '' : line, onText), onReply)
      lines.prompt()
    }
  } finally {
    signal.removeEventListener('abort', stop)
    chat.cancel()
    lines.close()
  }
  await out.line('')
}

type Ask = (onText: (text: string) => Promise<void>) => ReturnType<ConversationChat['ask']>

/** A failure does not end the chat: the server may be back for the next message. */
async function show(out: Output, ask: Ask, onReply: Terminal['onReply'] = async () => {}): Promise<void> {
  try {
    const message = await ask((text) => out.write(printableLines(text)))
    const lacks = shortcoming(message)
    await out.line(lacks === undefined ? '' : `\n[${lacks}]`)
    await onReply(message)
  } catch (error) {
    const { code, message } = asHoldfastError(error, 'The reply')
    await out.line(`\nholdfast: ${code}: ${printable(message)}`)
  }
}

async function attachShown(out: Output, file: string, attach: (file: string) => Promise<void>): Promise<void> {
  try {
    await attach(file)
    await out.line(`(${printable(file)} goes with the next message)`)
  } catch (error) {
    const { code, message } = asHoldfastError(error, 'Attaching')
    await out.line(`holdfast: ${code}: ${printable(message)}`)
  }
}

function clearLine(lines: Interface): void {
  lines.write(null, { ctrl: true, name: 'e' })
  lines.write(null, { ctrl: true, name: 'u' })
}
