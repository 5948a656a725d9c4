import assert from 'node:assert/strict'
import type http from 'node:http'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { HoldfastError } from '@holdfast/errors'
import { transcriptionSampleRate } from '../transcription-model.js'
import type {
  TranscribeOptions,
  TranscriptionEvent,
  TranscriptionFinish,
  TranscriptSegment,
} from '../transcription-model.js'
import { openAiEmbeddingModel } from './embeddings.js'
import { openAiImageModel } from './images.js'
import { openApiViolations, whyNoOpenApi } from './published-openapi-for-tests.js'
import { sendJson, violations } from './published-schema-for-tests.js'
import { type ReceivedRequest, ScriptedServer, type Script, sendError } from './scripted-server.js'
import { openAiTranscriptionModel } from './transcription.js'
import { openAiVisionModel } from './vision.js'

/** A server that refuses what is not as published, and answers the rest as the script says. */
async function startEndpoint(script: Script): Promise<ScriptedServer & { readonly refused: string[] }> {
  const refused: string[] = []
  const server = await ScriptedServer.start((response, request, count) => {
    const wrong = violations(request)
    refused.push(...wrong.map((what) => `${request.path}: ${what}`))
    if (wrong.length > 0) sendError(response, 400, { message: wrong.join('; '), type: 'invalid_request_error' })
    else return script(response, request, count)
  })
  return Object.assign(server, { refused })
}

function wordsOf(request: ReceivedRequest): string {
  return String(request.body['prompt'] ?? request.body['input'])
}

// The smallest PNG there is, one pixel.
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const picture = { bytes: png, contentType: 'image/png', width: 200, height: 100 }

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  return error
}

describe('embeddings of an endpoint', () => {
  const answerWith = (response: http.ServerResponse, input: unknown): void => {
    const data = (input as string[]).map((text, index) => ({
      object: 'embedding',
      index,
      embedding: [text.length, 0, 4],
    }))
    // In another order than asked: the index says which is which.
    sendJson(response, {
      object: 'list',
      data: [...data].sort((a, b) => b.index - a.index),
      model: 'e',
      usage: { prompt_tokens: 7, total_tokens: 7 },
    })
  }

  it('are of length 1, in the order of the texts, however many there are', async () => {
    await using server = await startEndpoint((response, { body }) => answerWith(response, body['input']))
    await using model = openAiEmbeddingModel({ baseUrl: server.baseUrl, model: 'e', dimensions: 3 })
    const texts = Array.from({ length: 150 }, (_, index) => 'x'.repeat(index))
    const { vectors, usage } = await model.embed(texts)
    assert.equal(vectors.length, 150)
    assert.deepEqual(
      [...(vectors[3] ?? [])].map((one) => Math.round(one * 1000)),
      [600, 0, 800],
    )
    for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6)
    assert.deepEqual(usage, { inputTokens: 21 })
    assert.equal(server.requests.length, 3)
    assert.deepEqual(server.refused, [])
    await assert.rejects(model.embed([]), { code: 'INVALID_ARGUMENT' })
  })

  it('are refused when they are not as many as expected, or of other sizes', async () => {
    await using server = await startEndpoint((response) =>
      sendJson(response, { data: [{ index: 0, embedding: [1, 2] }] }),
    )
    await using model = openAiEmbeddingModel({ baseUrl: server.baseUrl, model: 'e', dimensions: 3, maxRetries: 0 })
    assert.equal((await failureOf(model.embed(['a']))).fields[0]?.field, 'dimensions')
    assert.equal((await failureOf(model.embed(['a', 'b']))).reason, 'MODEL_NOT_COMPATIBLE')
    assert.throws(() => openAiEmbeddingModel({ baseUrl: server.baseUrl, model: 'unknown' }), {
      code: 'INVALID_ARGUMENT',
    })
  })
})

describe('images of an endpoint', () => {
  const request = { prompt: 'a hill', width: 1024, height: 1024, count: 3, seed: 1 }

  it('come as bytes with their true size, and tell what became of the prompt', async () => {
    await using server = await startEndpoint((response, { body }) => {
      const data = Array.from({ length: Number(body['n']) }, () => ({
        b64_json: png.toString('base64'),
        revised_prompt: 'a green hill',
      }))
      sendJson(response, { created: 1, data, usage: { input_tokens: 5, output_tokens: 100, total_tokens: 105 } })
    })
    await using model = openAiImageModel({ baseUrl: server.baseUrl, model: 'm' })
    const seen: number[] = []
    const options = { onImage: ({ width }: { width: number }) => void seen.push(width) }
    const { images, usage } = await model.generate({ ...request, negativePrompt: 'cows' }, options)
    assert.equal(images.length, 3)
    assert.deepEqual(seen, [1, 1, 1])
    assert.deepEqual(images[0], { bytes: png, width: 1, height: 1, revisedPrompt: 'a green hill' })
    assert.deepEqual(usage, { images: 3, inputTokens: 5, outputTokens: 100 })
    const [sent] = server.requests
    assert.ok(sent !== undefined && /a hill[^]*not show: cows/.test(wordsOf(sent)))
    assert.equal(sent.body['size'], '1024x1024')
    assert.deepEqual(server.refused, [])
  })

  it('are asked for one by one, and without a wish for bytes, where the endpoint wants it so', async () => {
    await using server = await startEndpoint((response, { body }) => {
      if ('response_format' in body)
        return sendError(response, 400, { message: "Unknown parameter: 'response_format'.", param: 'response_format' })
      if (body['n'] !== 1)
        return sendError(response, 400, { message: 'You must provide n=1 for this model.', param: 'n' })
      sendJson(response, { created: 1, data: [{ b64_json: png.toString('base64') }] })
    })
    await using model = openAiImageModel({ baseUrl: server.baseUrl, model: 'm' })
    assert.equal((await model.generate(request)).images.length, 3)
    assert.equal(server.requests.length, 5)
    assert.equal((await model.generate({ ...request, count: 1 })).images.length, 1)
    assert.equal(server.requests.length, 6)
  })

  it('are edited as a form with the picture and its mask', async () => {
    await using server = await startEndpoint((response) =>
      sendJson(response, { created: 1, data: [{ b64_json: png.toString('base64') }] }),
    )
    await using model = openAiImageModel({ baseUrl: server.baseUrl, model: 'm' })
    const edited = await model.edit({ ...request, count: 1, picture, mask: picture })
    assert.equal(edited.images.length, 1)
    const [sent] = server.requests
    assert.equal(sent?.path, '/v1/images/edits')
    assert.deepEqual(Buffer.from(await (sent.body['image'] as File).arrayBuffer()), png)
    assert.deepEqual(server.refused, [])
    await using other = openAiImageModel({ baseUrl: server.baseUrl, model: 'm', canEdit: false })
    assert.equal((await failureOf(other.edit({ ...request, picture }))).code, 'UNIMPLEMENTED')
  })

  it('that are links are refused', async () => {
    await using server = await startEndpoint((response) =>
      sendJson(response, { created: 1, data: [{ url: 'http://169.254.169.254/x' }] }),
    )
    await using model = openAiImageModel({ baseUrl: server.baseUrl, model: 'm', maxRetries: 0 })
    assert.equal((await failureOf(model.generate(request))).reason, 'MODEL_NOT_COMPATIBLE')
    assert.equal(server.requests.length, 1)
  })
})

describe('what a language model sees', () => {
  const completion = (content: string | null, more: object = {}): object => ({
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content, refusal: null, ...more }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 500, completion_tokens: 9, total_tokens: 509 },
  })

  it('is described in its words, by the prompt that is given', async () => {
    await using server = await startEndpoint((response) => sendJson(response, completion(' A dog on a lawn. ')))
    await using model = openAiVisionModel({ baseUrl: server.baseUrl, model: 'v' })
    assert.deepEqual(await model.describe(picture, { prompt: 'Which animal?' }), {
      text: 'A dog on a lawn.',
      basis: 'language-model',
      usage: { inputTokens: 500, outputTokens: 9 },
    })
    assert.match(JSON.stringify(server.requests[0]?.body), /Which animal\?.*data:image\/png;base64,iVBOR/)
    assert.deepEqual(server.refused, [])
    assert.deepEqual([...model.abilities], ['describe', 'read'])
    for (const call of [model.detect(picture), model.embed(picture)])
      assert.equal((await failureOf(call)).code, 'UNIMPLEMENTED')
  })

  it('is read line by line, and found with boxes in pixels, by schema', async () => {
    const objects = [
      { label: 'Cat ', score: 0.5, left: 0, top: 0, right: 100, bottom: 1000 },
      { label: 'dog', score: 0.9, left: 500, top: 100, right: 1200, bottom: 600 },
      { label: 'fly', score: 0.1, left: 0, top: 0, right: 10, bottom: 10 },
      { label: 'nothing', score: 1, left: 10, top: 10, right: 10, bottom: 10 },
    ]
    await using server = await startEndpoint((response, { body }) => {
      const { name } = (body['response_format'] as { json_schema: { name: string } }).json_schema
      // As servers do that know no structured outputs.
      if (name === 'lines') sendJson(response, completion('```json\n{"lines": ["STOP", " ", "all way"]}\n```'))
      else sendJson(response, completion(JSON.stringify({ objects })))
    })
    await using model = openAiVisionModel({ baseUrl: server.baseUrl, model: 'v', canDetect: true })
    assert.deepEqual((await model.read(picture)).lines, [{ text: 'STOP' }, { text: 'all way' }])
    assert.deepEqual((await model.detect(picture)).objects, [
      { label: 'dog', score: 0.9, box: { left: 100, top: 10, width: 100, height: 50 } },
      { label: 'cat', score: 0.5, box: { left: 0, top: 0, width: 20, height: 100 } },
    ])
    assert.equal((await model.detect(picture, { minScore: 0, limit: 1 })).objects.length, 1)
    assert.deepEqual(server.refused, [])
  })

  it('is asked for again when the answer has another form, and refused when the filter says so', async () => {
    await using server = await startEndpoint((response, _, count) =>
      sendJson(response, completion(count === 1 ? 'Sure! STOP' : '{"lines":["STOP"]}')),
    )
    await using model = openAiVisionModel({ baseUrl: server.baseUrl, model: 'v', retryDelayMs: 1 })
    assert.deepEqual((await model.read(picture)).lines, [{ text: 'STOP' }])
    await using strict = await startEndpoint((response) =>
      sendJson(response, completion(null, { refusal: 'I cannot help with that.' })),
    )
    await using other = openAiVisionModel({ baseUrl: strict.baseUrl, model: 'v' })
    assert.equal((await failureOf(other.describe(picture))).reason, 'CONTENT_FILTERED')
  })
})

/** Bursts of sound with silence between them, chunk by chunk: [seconds of sound, seconds of silence], … */
async function* bursts(...parts: readonly (readonly [number, number])[]): AsyncGenerator<Float32Array> {
  for (const [sound, silence] of parts) {
    const samples = new Float32Array((sound + silence) * transcriptionSampleRate)
    for (let at = 0; at < sound * transcriptionSampleRate; at++)
      samples[at] = Math.sin(at / 5) * (at % 4000 > 200 ? 0.5 : 0.2)
    for (let at = 0; at < samples.length; at += 4000) yield samples.subarray(at, at + 4000)
  }
}

async function transcribed(
  baseUrl: string,
  audio: AsyncIterable<Float32Array>,
  options: TranscribeOptions & { readonly model?: string } = {},
): Promise<{ segments: TranscriptSegment[]; finish: TranscriptionFinish }> {
  await using model = openAiTranscriptionModel({ baseUrl, model: options.model ?? 'whisper-1', retryDelayMs: 1 })
  const events: TranscriptionEvent[] = []
  for await (const event of model.transcribe(audio, options)) events.push(event)
  const finish = events.at(-1)
  assert.ok(finish?.type === 'finish')
  return { segments: events.flatMap((event) => (event.type === 'segment' ? [event.segment] : [])), finish }
}

describe('transcription by an endpoint', () => {
  const secondsOf = ({ body }: ReceivedRequest): number =>
    ((body['file'] as File).size - 44) / 2 / transcriptionSampleRate
  const verbose = (request: ReceivedRequest, text = 'Hello.'): object => ({
    task: 'transcribe',
    language: 'english',
    duration: secondsOf(request),
    text,
    segments: [{ id: 0, seek: 0, start: 0.2, end: secondsOf(request) - 0.2, text: ` ${text}` }],
    usage: { type: 'duration', seconds: 3 },
  })

  it('says when each segment was said, with the silence between files counted', async () => {
    await using server = await startEndpoint((response, request) => sendJson(response, verbose(request)))
    const { segments, finish } = await transcribed(server.baseUrl, bursts([2, 3], [2, 3], [2, 1]), {
      language: 'en-GB',
      prompt: 'Ada',
    })
    // The first file finds out whether the endpoint says when; the others travel together.
    assert.equal(server.requests.length, 2)
    assert.equal(server.requests[0]?.body['language'], 'en')
    assert.equal(server.requests[0].body['prompt'], 'Ada')
    assert.equal(segments.length, 2)
    assert.ok(
      Math.abs((segments[0]?.startMs ?? 0) - 0) < 120 && Math.abs((segments[0]?.endMs ?? 0) - 2000) < 120,
      inspect(segments),
    )
    assert.ok(
      Math.abs((segments[1]?.startMs ?? 0) - 5000) < 120 && Math.abs((segments[1]?.endMs ?? 0) - 12_000) < 120,
      inspect(segments),
    )
    assert.equal(finish.language, 'en-GB')
    assert.equal(finish.durationMs, 13_000)
    assert.ok(Math.abs(finish.silenceMs - 7000) < 300)
    assert.deepEqual(server.refused, [])
  })

  it('gets one file for each stretch of speech where the endpoint does not say when, and learns it once', async () => {
    await using server = await startEndpoint((response, { body }) => {
      if (body['response_format'] !== 'json')
        return sendError(response, 400, { message: "response_format 'verbose_json' is not compatible with model" })
      sendJson(response, {
        text: 'Hello.',
        usage: { type: 'tokens', input_tokens: 14, output_tokens: 5, total_tokens: 19 },
      })
    })
    const { segments, finish } = await transcribed(server.baseUrl, bursts([2, 2], [2, 2]), { model: 'any' })
    assert.equal(server.requests.length, 3)
    assert.deepEqual(
      segments.map(({ text }) => text),
      ['Hello.', 'Hello.'],
    )
    assert.ok(Math.abs((segments[1]?.startMs ?? 0) - 4000) < 120)
    assert.deepEqual(finish.usage, { audioMs: 8000, inputTokens: 28, outputTokens: 10 })
    assert.equal(finish.language, 'und')
    assert.deepEqual(server.refused, [])
  })

  it('gives each stretch at its end when interim results are wanted, and stays below the limit of a file', async () => {
    await using server = await startEndpoint((response, request) => sendJson(response, verbose(request)))
    await transcribed(server.baseUrl, bursts([1, 1], [1, 1], [1, 1]), { interim: true })
    assert.equal(server.requests.length, 3)
    await using model = openAiTranscriptionModel({ baseUrl: server.baseUrl, model: 'whisper-1', maxFileSeconds: 30 })
    for await (const _ of model.transcribe(bursts([10, 1], [10, 1], [10, 1], [10, 1], [10, 1]))) continue
    const seconds = server.requests.slice(3).map(secondsOf)
    assert.ok(seconds.length === 3 && seconds.every((each) => each <= 30), String(seconds))
  })

  it('of silence asks nobody', async () => {
    await using server = await startEndpoint((response) => sendError(response, 500, { message: 'no' }))
    const { segments, finish } = await transcribed(server.baseUrl, bursts([0, 3]))
    assert.deepEqual([segments, server.requests.length], [[], 0])
    assert.equal(finish.silenceMs, 3000)
  })
})

describe('an endpoint that fails', () => {
  const call = (baseUrl: string, more: object = {}) => {
    const model = openAiEmbeddingModel({ baseUrl, model: 'e', dimensions: 1, retryDelayMs: 1, ...more })
    return (signal?: AbortSignal) => model.embed(['a'], signal === undefined ? {} : { signal })
  }
  const good = { data: [{ index: 0, embedding: [2] }] }

  it('is asked again after the time that it wants, and after an answer that was cut', async () => {
    const at: number[] = []
    await using server = await startEndpoint((response, _, count) => {
      at.push(performance.now())
      if (count === 1)
        return sendError(response, 429, { message: 'Rate limit reached', type: 'requests' }, { 'retry-after': '0.2' })
      if (count > 2) return sendJson(response, good)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"data": [')
      setTimeout(() => response.destroy(), 5)
    })
    assert.equal((await call(server.baseUrl)()).vectors.length, 1)
    assert.equal(at.length, 3)
    assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 195)
  })

  it('is not asked again about what will not change, nor when it wants too long a wait', async () => {
    for (const [status, error, headers, reason] of [
      [401, { message: 'Incorrect API key provided: sk-secret' }, {}, 'MODEL_KEY_REJECTED'],
      [400, { message: 'Invalid size', param: 'size' }, {}, 'MODEL_REQUEST_REJECTED'],
      [404, { message: 'No such model' }, {}, 'MODEL_NOT_FOUND'],
      [429, { message: 'Later', type: 'requests' }, { 'retry-after': '3600' }, 'MODEL_RATE_LIMITED'],
      [429, { message: 'You exceeded your current quota', code: 'insufficient_quota' }, {}, 'MODEL_QUOTA_EXHAUSTED'],
    ] as const) {
      await using server = await startEndpoint((response) => sendError(response, status, error, headers))
      const failure = await failureOf(call(server.baseUrl, { apiKey: 'sk-secret' })())
      assert.equal(failure.reason, reason)
      assert.ok(!inspect(failure, { depth: 9 }).includes('sk-secret'))
      assert.equal(server.requests.length, 1, reason)
      if (reason === 'MODEL_RATE_LIMITED') assert.equal(failure.retryAfterMs, 3_600_000)
    }
  })

  it('that is slow is given up at the limit, and at once when the caller cancels', async () => {
    await using server = await startEndpoint(() => {})
    assert.equal((await failureOf(call(server.baseUrl, { firstTokenTimeoutMs: 50 })())).reason, 'MODEL_TIMEOUT')
    const cancelled = failureOf(call(server.baseUrl)(AbortSignal.timeout(30)))
    assert.equal((await cancelled).code, 'CANCELLED')
    await server.connectionsClosed(2)
  })

  it('that is something else is named as such', async () => {
    await using server = await startEndpoint((response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<html>')
    })
    assert.equal((await failureOf(call(server.baseUrl)())).reason, 'MODEL_NOT_COMPATIBLE')
    await using dead = await ScriptedServer.start(() => {})
    const { baseUrl } = dead
    await dead[Symbol.asyncDispose]().catch(() => {})
    assert.equal((await failureOf(call(baseUrl, { maxRetries: 0 })())).reason, 'MODEL_UNREACHABLE')
  })
})

describe('requests of these tests', () => {
  it('are checked against what OpenAI publishes', { skip: whyNoOpenApi ?? false }, () => {
    const headers = { 'content-type': 'application/json' }
    const request = {
      method: 'POST',
      path: '/v1/audio/speech',
      headers,
      body: { model: 'tts-1', input: 'Hello', voice: 'alloy' },
    }
    assert.deepEqual(violations(request), [])
    assert.deepEqual(openApiViolations({ ...request, body: { ...request.body, speed: 5 } }), ['/speed must be <= 4'])
    assert.match(
      openApiViolations({ ...request, body: { model: 'tts-1' } }).join(),
      /must have required property 'input'/,
    )
    assert.deepEqual(openApiViolations({ ...request, path: '/v1/audio/songs' }), [
      '/audio/songs takes no application/json',
    ])
  })
})
