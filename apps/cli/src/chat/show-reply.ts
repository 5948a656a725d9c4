import { type Message, textOf } from '@holdfast/session'
import { printable, printableLines } from '../printable.js'

function speakerOf(message: Message): string {
  if (message.role === 'user') return 'you'
  return message.role === 'assistant' ? printable(message.reply?.model ?? 'assistant') : message.role
}

export function shownMessage(message: Message): string {
  return `${speakerOf(message)}> ${printableLines(message.redacted === true ? '[redacted]' : textOf(message))}`
}

/** Why a reply is not whole; `undefined`: it is. */
export function shortcoming({ reply }: Message): string | undefined {
  switch (reply?.status) {
    case 'interrupted':
      return 'interrupted: the server stopped while it was made'
    case 'cancelled':
      return 'cancelled'
    case 'failed':
      return `failed: ${reply.error?.code ?? 'UNKNOWN'}: ${printable(reply.error?.message ?? 'the model did not say why')}`
    default:
      return undefined
  }
}
