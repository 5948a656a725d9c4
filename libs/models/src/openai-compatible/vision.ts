import { HoldfastError } from '@holdfast/errors'
import type OpenAI from 'openai'
import type { ModelCallOptions, ModelUsage } from '../service-model.js'
import type {
  DescribeOptions,
  Description,
  DetectedObject,
  Detections,
  DetectOptions,
  Picture,
  PictureEmbedding,
  ReadText,
  VisionModel,
} from '../vision-model.js'
import type { ModelFailureReason } from './failures.js'
import { JsonAnswer, malformed } from './json-answer.js'
import { OpenAiServiceModel, type OpenAiServiceModelOptions } from './service-model-base.js'

export interface OpenAiVisionOptions extends OpenAiServiceModelOptions {
  /** Whether the model can say where things are; few language models can. Default false: `detect` is UNIMPLEMENTED. */
  readonly canDetect?: boolean
}

/** A language model that sees, behind `/chat/completions`: it gets pictures as parts of a message. Errors as of `openAiCompatibleModel`.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiVisionModel(options: OpenAiVisionOptions): VisionModel {
  return new OpenAiVisionModel(options)
}

const describePrompt = 'Describe what this picture shows in two or three sentences. Say only what can be seen.'
const readPrompt =
  'Read all text in this picture, exactly as it is written, line by line in reading order. If there is none, give no lines.'
const detectPrompt =
  'Find the things in this picture. Give each a label of one or two English words, how sure you are from 0 to 1, and its box ' +
  'in thousandths of the width and height of the picture, from its upper left corner.'

/** A schema as OpenAI's structured outputs take it: all properties required, no others.
 *  Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
function listOf(name: string, item: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    type: 'object',
    properties: { [name]: { type: 'array', items: item } },
    required: [name],
    additionalProperties: false,
  }
}

const numeric = { type: 'number' }
const detected = {
  type: 'object',
  properties: {
    label: { type: 'string' },
    score: numeric,
    left: numeric,
    top: numeric,
    right: numeric,
    bottom: numeric,
  },
  required: ['label', 'score', 'left', 'top', 'right', 'bottom'],
  additionalProperties: false,
}

class OpenAiVisionModel extends OpenAiServiceModel implements VisionModel {
  readonly abilities: VisionModel['abilities']

  constructor({ canDetect = false, ...options }: OpenAiVisionOptions) {
    super(options)
    this.abilities = new Set(canDetect ? ['describe', 'read', 'detect'] : ['describe', 'read'])
  }

  async describe(picture: Picture, { prompt = '', signal }: DescribeOptions = {}): Promise<Description> {
    const { text, usage } = await this.#ask(picture, prompt === '' ? describePrompt : prompt, undefined, signal)
    return { text, basis: 'language-model', usage }
  }

  async read(picture: Picture, { signal }: ModelCallOptions = {}): Promise<ReadText> {
    const { items, usage } = await this.#list(picture, readPrompt, 'lines', { type: 'string' }, signal)
    const lines = items.flatMap(({ value }) => (typeof value === 'string' && value.trim() !== '' ? [value.trim()] : []))
    return { lines: lines.map((text) => ({ text })), usage }
  }

  async detect(picture: Picture, options: DetectOptions = {}): Promise<Detections> {
    if (!this.abilities.has('detect')) throw this.#cannot('say where things are')
    const { minScore = 0.4, limit = 100, signal } = options
    const { items, usage } = await this.#list(picture, detectPrompt, 'objects', detected, signal)
    const objects = items
      .flatMap((item) => objectOf(item, picture) ?? [])
      .filter(({ score }) => score >= minScore)
      .sort((a, b) => b.score - a.score)
    return { objects: objects.slice(0, limit), usage }
  }

  embed(): Promise<PictureEmbedding> {
    return Promise.reject(this.#cannot('embed pictures'))
  }

  async #list(
    picture: Picture,
    prompt: string,
    name: string,
    item: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): Promise<{ items: JsonAnswer[]; usage: ModelUsage }> {
    const format = { type: 'json_schema' as const, json_schema: { name, strict: true, schema: listOf(name, item) } }
    const { value, usage } = await this.#ask(picture, prompt, format, signal)
    return { items: value?.member(name)?.items() ?? [], usage }
  }

  #ask(
    picture: Picture,
    prompt: string,
    format: OpenAI.ResponseFormatJSONSchema | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ text: string; value: JsonAnswer | undefined; usage: ModelUsage }> {
    const { client, settings, redact } = this.endpoint
    const url = `data:${picture.contentType};base64,${Buffer.from(picture.bytes).toString('base64')}`
    const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
      model: settings.model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: prompt },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
      ...(format === undefined ? {} : { response_format: format }),
    }
    return this.endpoint.answer(signal, async (until) => {
      const answer = new JsonAnswer(await client.chat.completions.create(body, { signal: until }), redact)
      const choice = answer.required(answer.member('choices')?.items()?.[0], 'a choice')
      const message = choice.required(choice.member('message'), 'a message')
      if (choice.text('finish_reason') === 'content_filter' || message.text('refusal') !== undefined) throw refused()
      const text = message.required(message.text('content'), 'content').trim()
      const usage = usageOf(answer.member('usage'))
      if (format === undefined) return { text, value: undefined, usage }
      const items = new JsonAnswer(jsonOf(text), redact)
      if (items.member(format.json_schema.name)?.items() === undefined) throw malformed(format.json_schema.name)
      return { text, value: items, usage }
    })
  }

  #cannot(what: string): HoldfastError {
    return new HoldfastError('UNIMPLEMENTED', `${this.name} does not ${what}: configure a model that does`)
  }
}

function refused(): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', "The model's content filter rejected the picture: send another", {
    reason: 'CONTENT_FILTERED' satisfies ModelFailureReason,
  })
}

function usageOf(usage: JsonAnswer | undefined): ModelUsage {
  const [inputTokens, outputTokens] = [usage?.number('prompt_tokens'), usage?.number('completion_tokens')]
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  }
}

/** Servers without structured outputs often put the JSON into a fence. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^```(?:json)?\s*|\s*```$/g, ''))
  } catch {
    return undefined
  }
}

function objectOf(item: JsonAnswer, { width, height }: Picture): DetectedObject | undefined {
  const label = item.text('label')?.trim().toLowerCase() ?? ''
  const within = (name: string): number => Math.min(1000, Math.max(0, item.number(name) ?? 0)) / 1000
  const [left, top, right, bottom] = ['left', 'top', 'right', 'bottom'].map(within) as [number, number, number, number]
  if (label === '' || right <= left || bottom <= top) return undefined
  const box = { left: left * width, top: top * height, width: (right - left) * width, height: (bottom - top) * height }
  return { label, score: Math.min(1, Math.max(0, item.number('score') ?? 0)), box }
}
