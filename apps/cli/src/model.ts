import { type ChatModel, type Retrieve, chatModelFromConfig } from '@holdfast/models'
import type { Config } from '@holdfast/server'
import { type ConversationStore, textOf } from '@holdfast/session'

export interface OpenedModel extends Disposable {
  readonly model: ChatModel
}

/** What answers: the endpoint that is configured, or else recall, which quotes what the user said before.
 *  @throws INVALID_ARGUMENT if the endpoint is configured by half, or wrong */
export function openModel({ model }: Config, conversations: Pick<ConversationStore, 'search'>): OpenedModel {
  const { baseUrl, apiKey, name, ...limits } = model
  const retrieve: Retrieve = async ({ userId, query, question, limit, exclude }) => {
    const options = { limit, exclude, roles: ['user'], meaning: question } as const
    const hits = await conversations.search(userId, query, options)
    return hits.map(({ conversationId, message, score, by, similarity }) => {
      const { seq, role, at } = message
      const meant = by.includes('words') || similarity === undefined ? {} : { similarity }
      return { conversationId, seq, role, at, text: textOf(message), score, ...meant }
    })
  }
  const chosen = chatModelFromConfig({ baseUrl, apiKey, model: name, ...limits }, { retrieve })
  return { model: chosen, [Symbol.dispose]: () => chosen[Symbol.dispose]?.() }
}
