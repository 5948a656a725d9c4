import type http from 'node:http'
import { openApiViolations } from './published-openapi-for-tests.js'
import type { ReceivedRequest } from './scripted-server.js'

/** What OpenAI says its endpoints take, as far as the models here use them: names, which of them must be there, and values. Source: the schemas
 *  CreateTranscriptionRequest, CreateSpeechRequest, CreateImageRequest, CreateImageEditRequest, CreateEmbeddingRequest and CreateChatCompletionRequest of
 *  https://github.com/openai/openai-openapi, from which `resources/` of the package openai 6.49.0 is generated. */
interface Shape {
  readonly contentType: 'application/json' | 'multipart/form-data'
  readonly required: readonly string[]
  readonly fields: Readonly<Record<string, Check>>
}

type Check = (value: unknown) => boolean

const text: Check = (value) => typeof value === 'string'
const nonEmpty: Check = (value) => typeof value === 'string' && value !== ''
const atMost =
  (characters: number): Check =>
  (value) =>
    typeof value === 'string' && value.length <= characters
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string)
const between =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most
const whole =
  (least: number, most: number): Check =>
  (value) =>
    between(least, most)(value) && Number.isInteger(value)
const flag: Check = (value) => typeof value === 'boolean'
const object: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
/** In a form, numbers and booleans are text. */
const written =
  (check: Check): Check =>
  (value) =>
    typeof value === 'string' && check(value === 'true' || value === 'false' ? value === 'true' : Number(value))
const file =
  (types: RegExp, mostBytes: number): Check =>
  (value) =>
    value instanceof File &&
    types.test(value.type) &&
    value.size > 0 &&
    value.size <= mostBytes &&
    value.name.includes('.')
const size: Check = (value) => typeof value === 'string' && /^(auto|\d+x\d+)$/.test(value)

const megabyte = 1024 * 1024
const pictures = /^image\/(png|webp|jpeg)$/

const message: Check = (value) => {
  if (!object(value)) return false
  const { role, content } = value as { role?: unknown; content?: unknown }
  return oneOf('system', 'developer', 'user', 'assistant', 'tool')(role) && (text(content) || isParts(content))
}

function isParts(content: unknown): boolean {
  return (
    Array.isArray(content) &&
    content.length > 0 &&
    content.every((part) => object(part) && isPart(part as Record<string, unknown>))
  )
}

function isPart(part: Record<string, unknown>): boolean {
  if (part['type'] === 'text') return text(part['text'])
  const image = part['image_url'] as Record<string, unknown> | undefined
  return (
    part['type'] === 'image_url' &&
    object(image) &&
    /^(https?:|data:image\/(png|jpeg|webp|gif);base64,)/.test(String(image?.['url']))
  )
}

/** Structured outputs: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
const responseFormat: Check = (value) => {
  if (!object(value)) return false
  const format = value as { type?: unknown; json_schema?: Record<string, unknown> }
  if (format.type !== 'json_schema') return oneOf('text', 'json_object')(format.type)
  const { name, strict, schema } = format.json_schema ?? {}
  return /^[a-zA-Z0-9_-]{1,64}$/.test(String(name)) && strict === true && isStrict(schema)
}

function isStrict(schema: unknown): boolean {
  if (!object(schema)) return false
  const { type, properties, required, additionalProperties, items } = schema as Record<string, unknown>
  if (type === 'array') return isStrict(items)
  if (type !== 'object') return oneOf('string', 'number', 'integer', 'boolean')(type)
  const names = Object.keys(properties as object)
  return (
    additionalProperties === false &&
    names.length === (required as string[]).length &&
    names.every((name) => (required as string[]).includes(name)) &&
    Object.values(properties as object).every(isStrict)
  )
}

const imageFields = {
  prompt: atMost(32_000),
  model: nonEmpty,
  background: oneOf('transparent', 'opaque', 'auto'),
  output_format: oneOf('png', 'jpeg', 'webp'),
  quality: oneOf('standard', 'hd', 'low', 'medium', 'high', 'auto'),
  response_format: oneOf('url', 'b64_json'),
  size,
  user: text,
}

const shapes: Readonly<Record<string, Shape>> = {
  '/v1/audio/transcriptions': {
    contentType: 'multipart/form-data',
    required: ['file', 'model'],
    fields: {
      file: file(/^audio\/(wav|mpeg|mp4|flac|ogg|webm)$/, 25 * megabyte),
      model: nonEmpty,
      language: (value) => typeof value === 'string' && /^[a-z]{2,3}$/.test(value),
      prompt: text,
      response_format: oneOf('json', 'text', 'srt', 'verbose_json', 'vtt', 'diarized_json'),
      temperature: written(between(0, 1)),
      stream: written(flag),
      'timestamp_granularities[]': oneOf('word', 'segment'),
    },
  },
  '/v1/audio/speech': {
    contentType: 'application/json',
    required: ['model', 'input', 'voice'],
    fields: {
      model: nonEmpty,
      input: (value) => nonEmpty(value) && atMost(4096)(value),
      voice: nonEmpty,
      instructions: atMost(4096),
      response_format: oneOf('mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'),
      speed: between(0.25, 4),
      stream_format: oneOf('sse', 'audio'),
    },
  },
  '/v1/images/generations': {
    contentType: 'application/json',
    required: ['prompt'],
    fields: {
      ...imageFields,
      n: whole(1, 10),
      stream: flag,
      moderation: oneOf('low', 'auto'),
      style: oneOf('vivid', 'natural'),
    },
  },
  '/v1/images/edits': {
    contentType: 'multipart/form-data',
    required: ['prompt', 'image'],
    fields: {
      ...imageFields,
      image: file(pictures, 50 * megabyte),
      mask: file(/^image\/png$/, 4 * megabyte),
      n: written(whole(1, 10)),
      stream: written(flag),
      input_fidelity: oneOf('high', 'low'),
    },
  },
  '/v1/embeddings': {
    contentType: 'application/json',
    required: ['model', 'input'],
    fields: {
      model: nonEmpty,
      input: (value) =>
        nonEmpty(value) || (Array.isArray(value) && value.length > 0 && value.length <= 2048 && value.every(nonEmpty)),
      dimensions: whole(1, 65_536),
      encoding_format: oneOf('float', 'base64'),
      user: text,
    },
  },
  '/v1/chat/completions': {
    contentType: 'application/json',
    required: ['model', 'messages'],
    fields: {
      model: nonEmpty,
      messages: (value) => Array.isArray(value) && value.length > 0 && value.every(message),
      response_format: responseFormat,
      stream: flag,
      temperature: between(0, 2),
      max_tokens: whole(1, 10_000_000),
      max_completion_tokens: whole(1, 10_000_000),
    },
  },
}

/** What of a request is not as published; empty: all is. */
export function violations(request: ReceivedRequest): string[] {
  return [...fragmentViolations(request), ...openApiViolations(request)]
}

function fragmentViolations({ method, path, headers, body }: ReceivedRequest): string[] {
  const shape = shapes[path]
  if (method !== 'POST' || shape === undefined) return [`${method} ${path} is no endpoint`]
  const found = shape.required.filter((name) => !(name in body)).map((name) => `${name} is missing`)
  if (!(headers['content-type'] ?? '').startsWith(shape.contentType))
    found.push(`${headers['content-type']} is not ${shape.contentType}`)
  for (const [name, value] of Object.entries(body)) {
    const check = shape.fields[name]
    if (check === undefined) found.push(`${name} is unknown`)
    else if (!check(value)) found.push(`${name} is wrong`)
  }
  return found
}

export function sendJson(
  response: http.ServerResponse,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
