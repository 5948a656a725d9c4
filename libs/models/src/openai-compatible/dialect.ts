import type { HoldfastError } from '@holdfast/errors'

/** Where servers that call themselves OpenAI-compatible differ in what they take. There is no way to ask, so a client
 *  starts with what most take and learns from being rejected. */
export interface Dialect {
  /** Whether `stream_options` is known: without it there are no token counts. */
  readonly streamOptions: boolean
  /** Newer models of OpenAI take only the longer name; many other servers ignore it without a word. */
  readonly outputLimit: 'max_tokens' | 'max_completion_tokens'
}

export const commonDialect: Dialect = { streamOptions: true, outputLimit: 'max_tokens' }

/** The dialect to try after this rejection; `undefined`: the rejection has another reason. */
export function adapted(dialect: Dialect, failure: HoldfastError): Dialect | undefined {
  if (failure.reason !== 'MODEL_REQUEST_REJECTED') return undefined
  if (dialect.streamOptions && /stream_options|include_usage/.test(failure.message)) {
    return { ...dialect, streamOptions: false }
  }
  if (dialect.outputLimit === 'max_tokens' && failure.message.includes('max_completion_tokens')) {
    return { ...dialect, outputLimit: 'max_completion_tokens' }
  }
  return undefined
}
