import { MeaningSearch, SearchWay } from '@holdfast/protocol'
import { textOf } from '@holdfast/session'
import { messageFromWire } from '../access/wire-shapes.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'
import type { CommandContext } from '../command-context.js'
import { printable } from '../printable.js'

interface SearchFlags extends ServiceFlags {
  readonly user: string
  readonly limit: number
  readonly json?: true
}

const longestShown = 200

export async function search(query: string, flags: SearchFlags, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  const request = { userId: flags.user, query, pageSize: flags.limit }
  const { hits, meaning, unindexed } = await withServices(flags, context, (clients) =>
    clients.chat.searchMessages(request, { signal }),
  )
  const found = hits.map(({ conversationId, message: wire, score, by, similarity }) => {
    const message = messageFromWire(wire)
    return {
      message: `${conversationId}/${message.seq}`,
      at: message.at.toISOString(),
      text: textOf(message),
      score,
      by: by.map((way) => (way === SearchWay.MEANING ? 'meaning' : 'words')),
      ...(similarity === undefined ? {} : { similarity }),
    }
  })
  if (flags.json === true) {
    await out.json({ hits: found, meaning: meaningShown(meaning), unindexed })
    return
  }
  for (const { message, at, text } of found) {
    const shown = text.replaceAll(/\s+/gu, ' ')
    const cut = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown
    await out.line(`${message}  ${at.slice(0, 10)}  ${printable(cut)}`)
  }
  if (found.length === 0) await err.line('holdfast: nothing was found')
  if (unindexed > 0) await err.line(`holdfast: ${unindexed} messages were searched by their words only, so far`)
}

function meaningShown(meaning: MeaningSearch): string {
  return (Object.entries(MeaningSearch).find(([, value]) => value === meaning)?.[0] ?? 'unknown').toLowerCase()
}
