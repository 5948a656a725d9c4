import { invalidField } from '@holdfast/errors'
import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionContentPart,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
  ChatCompletionMessageToolCall,
} from 'openai/resources/chat/completions'
import type { ChatMessage, ChatPart, ChatRequest } from '../chat-model.js'
import type { Dialect } from './dialect.js'

/** The request as OpenAI's chat completions take it. What a person said is sent; who said it (`userId`) is not. */
export function requestBody(
  request: ChatRequest,
  model: string,
  dialect: Dialect,
): ChatCompletionCreateParamsStreaming {
  if (request.messages.length === 0) throw invalidField('messages', 'is empty: send at least one message')
  const { temperature, maxOutputTokens, stop, tools } = request
  return {
    model: request.model ?? model,
    messages: openAiMessages(request.messages),
    stream: true,
    ...(dialect.streamOptions ? { stream_options: { include_usage: true } } : {}),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { [dialect.outputLimit]: maxOutputTokens }),
    ...(stop === undefined || stop.length === 0 ? {} : { stop: [...stop] }),
    ...(tools === undefined || tools.length === 0
      ? {}
      : { tools: tools.map((tool) => ({ type: 'function' as const, function: { ...tool } })) }),
  }
}

function openAiMessages(messages: readonly ChatMessage[]): ChatCompletionMessageParam[] {
  const paired = pairedCalls(messages)
  return messages.flatMap((message, index) => openAiMessage(message, `messages[${index}]`, paired))
}

function openAiMessage(message: ChatMessage, at: string, paired: ReadonlySet<string>): ChatCompletionMessageParam[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: textOf(message.parts) }]
    case 'user':
      return [{ role: 'user', content: userContent(message.parts, at) }]
    case 'assistant':
      return assistantMessage(message.parts, paired)
    case 'tool':
    default:
      return message.parts.flatMap((part) =>
        part.type === 'tool-result' && paired.has(part.id)
          ? [{ role: 'tool' as const, tool_call_id: part.id, content: part.content }]
          : [],
      )
  }
}

/** Ids of the calls that have a result after them. Endpoints reject a call without its result and a result without its
 *  call, so a reply that was interrupted between the two would make its conversation unanswerable for good. */
function pairedCalls(messages: readonly ChatMessage[]): ReadonlySet<string> {
  const called = new Set<string>()
  const paired = new Set<string>()
  for (const part of messages.flatMap((message) => message.parts)) {
    if (part.type === 'tool-call') called.add(part.id)
    if (part.type === 'tool-result' && called.has(part.id)) paired.add(part.id)
  }
  return paired
}

/** Nothing for a message without content, as an interrupted reply leaves it: some endpoints reject it. */
function assistantMessage(
  parts: readonly ChatPart[],
  paired: ReadonlySet<string>,
): ChatCompletionAssistantMessageParam[] {
  const content = textOf(parts)
  const calls = parts.flatMap((part): ChatCompletionMessageToolCall[] =>
    part.type === 'tool-call' && paired.has(part.id)
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.argumentsJson } }]
      : [],
  )
  if (content === '' && calls.length === 0) return []
  return [
    {
      role: 'assistant',
      content: content === '' ? null : content,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ]
}

/** A plain string where there is only text, since not all endpoints take lists of parts. */
function userContent(parts: readonly ChatPart[], at: string): string | ChatCompletionContentPart[] {
  if (!parts.some((part) => part.type === 'image')) return textOf(parts)
  return parts.flatMap((part, index): ChatCompletionContentPart[] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type === 'image')
      return [{ type: 'image_url', image_url: { url: imageUrl(part, `${at}.parts[${index}]`) } }]
    return []
  })
}

function imageUrl(part: ChatPart & { readonly type: 'image' }, at: string): string {
  if ('bytes' in part) return `data:${part.contentType};base64,${Buffer.from(part.bytes).toString('base64')}`
  if (/^(data:image\/|https?:\/\/)/i.test(part.url)) return part.url
  throw invalidField(`${at}.url`, 'must be a data:image/… URL or an http(s) one')
}

function textOf(parts: readonly ChatPart[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
}
