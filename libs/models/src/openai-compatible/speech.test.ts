import assert from 'node:assert/strict'
import type http from 'node:http'
import { describe, it } from 'node:test'
import { pcm16 } from '../audio/pcm.js'
import { wavFile } from '../audio/wav.js'
import type { SpeakOptions, SpeechEvent } from '../speech-model.js'
import { violations } from './published-schema-for-tests.js'
import { ScriptedServer, sendError } from './scripted-server.js'
import { type OpenAiSpeechOptions, openAiSpeechModel } from './speech.js'

/** As many samples as a sentence has characters times 100, rising so that a lost or doubled one is seen. */
function soundOf(sentence: unknown): Float32Array {
  return Float32Array.from({ length: String(sentence).length * 100 }, (_, index) => ((index % 100) + 1) / 200)
}

function send(response: http.ServerResponse, contentType: string, bytes: Uint8Array, pieceBytes: number): void {
  response.writeHead(200, { 'content-type': contentType })
  // Odd pieces cut samples in two.
  for (let at = 0; at < bytes.length; at += pieceBytes) response.write(bytes.subarray(at, at + pieceBytes))
  response.end()
}

async function spoken(
  baseUrl: string,
  text: string,
  { model = 'tts', ...options }: SpeakOptions & Partial<OpenAiSpeechOptions> = {},
): Promise<{ events: SpeechEvent[]; bySentence: number[]; samples: number[] }> {
  await using speech = openAiSpeechModel({ baseUrl, model, retryDelayMs: 1, maxRetries: 1, ...options })
  const events: SpeechEvent[] = []
  const bySentence: number[] = []
  const samples: number[] = []
  for await (const event of speech.speak(text, options)) {
    events.push(event)
    if (event.type !== 'audio') continue
    bySentence[event.sentence] = (bySentence[event.sentence] ?? 0) + event.samples.length
    samples.push(...event.samples)
  }
  return { events, bySentence, samples }
}

describe('speech of an endpoint', () => {
  it('is asked for sentence by sentence and comes whole, however the bytes are cut', async () => {
    const refused: string[] = []
    await using server = await ScriptedServer.start((response, request) => {
      refused.push(...violations(request))
      send(response, 'audio/pcm', pcm16(soundOf(request.body['input'])), 333)
    })
    const { events, bySentence, samples } = await spoken(server.baseUrl, 'Dr. Smith is here.\n\n— … —\n\nHe waits!', {
      voice: 'nova',
      speed: 1.5,
    })
    assert.deepEqual(
      server.requests.map(({ body }) => body),
      ['Dr. Smith is here.', 'He waits!'].map((input) => ({
        model: 'tts',
        input,
        voice: 'nova',
        response_format: 'pcm',
        speed: 1.5,
      })),
    )
    assert.deepEqual(bySentence, [1800, 900])
    assert.ok(samples.every((sample, index) => Math.abs(sample - ((index % 100) + 1) / 200) < 1e-3))
    assert.deepEqual(events.at(-1), { type: 'finish', durationMs: 113, usage: { characters: 36, audioMs: 113 } })
    assert.deepEqual(refused, [])
  })

  it('may come as WAV, asked for or not, at the rate of its header', async () => {
    await using server = await ScriptedServer.start((response, { body }) => {
      if (body['response_format'] === 'pcm')
        return sendError(response, 400, { message: "Unsupported response_format 'pcm'" })
      send(response, 'audio/wav', wavFile(soundOf(body['input']), 12_000), 1000)
    })
    const { bySentence } = await spoken(server.baseUrl, 'One. Two.')
    // Twice the samples, since it is wanted at 24 kHz.
    assert.deepEqual(bySentence, [800, 800])
    assert.deepEqual(
      server.requests.map(({ body }) => body['response_format']),
      ['pcm', 'wav', 'wav'],
    )
  })

  it('passes on what has come while the rest is made', async () => {
    let finish = (): void => {}
    await using server = await ScriptedServer.start((response) => {
      response.writeHead(200, { 'content-type': 'audio/pcm' })
      response.write(new Uint8Array(200))
      finish = () => response.end(new Uint8Array(100))
    })
    await using model = openAiSpeechModel({ baseUrl: server.baseUrl, model: 'tts' })
    let count = 0
    for await (const event of model.speak('One.')) {
      if (event.type !== 'audio') continue
      count += event.samples.length
      finish()
    }
    assert.equal(count, 150)
  })

  it('that broke off is a failure, and is asked for again only if nothing has come', async () => {
    await using server = await ScriptedServer.start((response, _, count) => {
      response.writeHead(200, { 'content-type': 'audio/pcm' })
      if (count > 1) response.write(new Uint8Array(200))
      else response.flushHeaders()
      setTimeout(() => response.destroy(), 10)
    })
    await assert.rejects(spoken(server.baseUrl, 'One.'), { code: 'UNAVAILABLE', reason: 'MODEL_STREAM_CUT' })
    assert.equal(server.requests.length, 2)
  })

  it('that stands still, or that nobody wants any more, is given up', async () => {
    await using server = await ScriptedServer.start((response) => {
      response.writeHead(200, { 'content-type': 'audio/pcm' })
      response.write(new Uint8Array(200))
    })
    await assert.rejects(spoken(server.baseUrl, 'One.', { idleTimeoutMs: 40 }), { reason: 'MODEL_TIMEOUT' })
    await assert.rejects(spoken(server.baseUrl, 'One.', { signal: AbortSignal.timeout(40) }), { code: 'CANCELLED' })
    await using model = openAiSpeechModel({ baseUrl: server.baseUrl, model: 'tts' })
    for await (const event of model.speak('One.')) if (event.type === 'audio') break
    await server.connectionsClosed(3)
  })

  it('is refused before anybody is asked: voices, speeds and texts that cannot be', async () => {
    await using server = await ScriptedServer.start((response) => sendError(response, 500, {}))
    for (const [text, options, field] of [
      ['One.', { voice: 'nobody' }, 'voice'],
      ['One.', { speed: 3 }, 'speed'],
      ['…', {}, 'text'],
    ] as const) {
      await assert.rejects(
        spoken(server.baseUrl, text, options),
        (error: { fields?: { field: string }[] }) => error.fields?.[0]?.field === field,
      )
    }
    assert.equal(server.requests.length, 0)
    await using html = await ScriptedServer.start((response) => send(response, 'text/html', Buffer.from('<html>'), 9))
    await assert.rejects(spoken(html.baseUrl, 'One.'), { reason: 'MODEL_NOT_COMPATIBLE' })
  })
})
