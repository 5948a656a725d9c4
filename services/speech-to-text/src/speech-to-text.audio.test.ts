import { HoldfastError } from '@holdfast/errors'
import { jobs as jobsWire, speechToText as wire } from '@holdfast/protocol'
import { type Recording, recordings, whyNoFfmpeg, whyNoRecordings, wordErrors } from '@holdfast/test-servers'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type SpeechForTests, startSpeech } from './speech-for-tests.js'

const skip = whyNoRecordings() ?? false
const noFfmpeg = (await whyNoFfmpeg()) ?? false

function media(content: Uint8Array): { source: { $case: 'content'; value: Buffer } } {
  return { source: { $case: 'content', value: Buffer.from(content) } }
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

function assertSays(text: string | undefined, { text: expected }: Recording): void {
  const { errors, words } = wordErrors(expected.replaceAll('mister', 'mr'), text ?? '')
  assert.ok(errors / words <= 0.1, `${text} for ${expected}`)
}

function compressed(wav: Uint8Array, ...args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const all = ['-loglevel', 'error', '-i', 'pipe:0', ...args, 'pipe:1']
    const child = execFile('ffmpeg', all, { encoding: 'buffer', maxBuffer: 2 ** 26 }, (error, out) =>
      error === null ? resolve(out) : reject(error),
    )
    child.stdin?.end(wav)
  })
}

describe('SpeechToTextService', { skip }, () => {
  let speech: SpeechForTests
  let spoken: readonly Recording[]
  let first: Recording
  /** All of them one after the other, with a second of silence behind each. */
  let long: Uint8Array
  before(async () => {
    speech = await startSpeech()
    spoken = await recordings('librivox')
    first = spoken[0] as Recording
    const silence = Buffer.alloc(32_000)
    const samples = Buffer.concat(spoken.flatMap(({ wav }) => [wav.subarray(44), silence]))
    const header = Buffer.from(first.wav.subarray(0, 44))
    header.writeUInt32LE(samples.length, 40)
    long = Buffer.concat([header, samples])
  })
  after(() => speech[Symbol.asyncDispose]())

  it('transcribes a recording, and counts', async () => {
    const { job } = await speech.clients.speechToText.transcribe({ audio: media(first.wav) })
    const { transcript } = job ?? {}
    assertSays(transcript?.text, first)
    assert.equal(transcript?.language, 'en')
    assert.equal(transcript?.segments.length, 1)
    assert.equal(transcript?.durationMs, 7_100)
    assert.ok((transcript?.silenceMs ?? 0) > 200 && (transcript?.silenceMs ?? 0) < 1_500)
    assert.equal(transcript?.wordCount, transcript?.text.split(' ').length)
    assert.ok((transcript?.wordsPerMinute ?? 0) > 150 && (transcript?.wordsPerMinute ?? 0) < 300)
    assert.equal(job?.job?.state, jobsWire.JobState.SUCCEEDED)
    assert.deepEqual(job?.job?.inputIds, [transcript?.audioArtifactId])
    assert.equal(job?.job?.model?.name, 'moonshine-base')
    assert.equal(job?.job?.usage?.audioMs, 7_100)
    assert.equal(job?.job?.outputs[0]?.role, 'transcript')
  })

  it('answers the same audio from what was made before, unless the model is asked for', async () => {
    const { speechToText } = speech.clients
    const cached = await speechToText.transcribe({ audio: media(first.wav) })
    assert.equal(cached.job?.job?.fromCache, true)
    assertSays(cached.job?.transcript?.text, first)
    const fresh = await speechToText.transcribe({ audio: media(first.wav), options: { noCache: true } })
    assert.equal(fresh.job?.job?.fromCache, false)
    const other = await speechToText.transcribe({ audio: media(first.wav), transcription: { prompt: 'Dashwood' } })
    assert.equal(other.job?.job?.fromCache, false)
  })

  it('does a job in the background: submit, watch, get, list', async () => {
    const { speechToText } = speech.clients
    const request = { audio: media(long), options: { key: 'long', labels: ['novel'] } }
    const { job } = await speechToText.submit(request)
    const id = job?.job?.id ?? ''
    const again = await speechToText.submit(request)
    assert.equal(again.job?.job?.id, id)
    const segments: unknown[] = []
    const kinds: (string | undefined)[] = []
    let end: wire.TranscriptionJob | undefined
    for await (const { event, job } of speechToText.watch({ jobId: id })) {
      kinds.push(event?.event?.$case)
      if (event?.event?.$case === 'output' && event.event.value.dataJson !== '') {
        segments.push(JSON.parse(event.event.value.dataJson))
      }
      end = job
    }
    assert.equal(kinds.at(-1), 'succeeded')
    assert.deepEqual(segments.slice(0, end?.transcript?.segments.length), end?.transcript?.segments)
    assert.equal(end?.transcript?.segments.length, spoken.length)
    for (const [index, recording] of spoken.entries()) assertSays(end?.transcript?.segments[index]?.text, recording)
    const got = await speechToText.get({ jobId: id })
    assert.deepEqual(got.job?.transcript, end?.transcript)
    const listed = await speechToText.list({ filter: { label: 'novel', states: [jobsWire.JobState.SUCCEEDED] } })
    assert.deepEqual(
      listed.jobs.map(({ job }) => job?.id),
      [id],
    )
    assert.equal(listed.jobs[0]?.transcript, undefined)
  })

  it('stops the model when a job is cancelled, and does it once more when asked to', async () => {
    const { speechToText } = speech.clients
    const { job } = await speechToText.submit({ audio: media(long), options: { noCache: true } })
    const id = job?.job?.id ?? ''
    while (!speech.model.state().running) await delay(2)
    const at = performance.now()
    const { job: cancelled } = await speechToText.cancel({ jobId: id })
    assert.ok(performance.now() - at < 1_000)
    assert.equal(cancelled?.job?.state, jobsWire.JobState.CANCELLED)
    assert.equal(cancelled?.job?.stopped, true)
    assert.equal(speech.model.state().running, false)
    await speechToText.retry({ jobId: id })
    const done = await speech.jobs.wait(id)
    assert.equal(done.state, 'succeeded')
  })

  it('hears a stream while it arrives: interim results, segments, and the job with the audio at the end', async () => {
    const { speechToText } = speech.clients
    // The first two, and no more than the first before its segment has come back.
    const [one, two] = [first.wav.subarray(44), (spoken[1] as Recording).wav.subarray(44)]
    const silence = Buffer.alloc(32_000)
    const samples = Buffer.concat([one, silence, two, silence])
    let heardFirst = () => {}
    const firstSegment = new Promise<void>((resolve) => {
      heardFirst = resolve
    })
    const audio = (async function* () {
      yield* piecesOf(samples.subarray(0, one.length + silence.length), 6_400)
      await firstSegment
      yield* piecesOf(samples.subarray(one.length + silence.length), 6_400)
    })()
    const config = { encoding: wire.StreamEncoding.PCM_S16LE, sampleRateHz: 16_000, interimResults: true }
    const kinds: string[] = []
    const texts: string[] = []
    let finished: wire.TranscriptionJob | undefined
    for await (const { event } of speechToText.streamTranscribe(config, audio)) {
      kinds.push(event?.$case ?? '')
      if (event?.$case === 'segment') {
        texts.push(event.value.text)
        heardFirst()
      }
      if (event?.$case === 'finished') finished = event.value
    }
    assert.equal(kinds[0], 'started')
    assert.ok(kinds.includes('interim'))
    assert.equal(kinds.at(-1), 'finished')
    assert.equal(texts.length, 2)
    for (const [index, text] of texts.entries()) assertSays(text, spoken[index] as Recording)
    assert.deepEqual(
      finished?.transcript?.segments.map(({ text }) => text),
      texts,
    )
    const heard = await speech.store.blobs.bytes(finished?.transcript?.audioArtifactId ?? '')
    assert.ok(heard.subarray(44).equals(samples))
  })

  it('cancels the job of a stream whose caller leaves, and forgets the stream', async () => {
    const { speechToText } = speech.clients
    const forever = (async function* () {
      for (;;) {
        yield long.subarray(44)
        await delay(20)
      }
    })()
    let id = ''
    const config = { encoding: wire.StreamEncoding.PCM_S16LE, sampleRateHz: 16_000 }
    for await (const { event } of speechToText.streamTranscribe(config, forever)) {
      if (event?.$case === 'started') id = event.value.jobId
      if (event?.$case === 'segment') break
    }
    assert.equal((await speech.jobs.wait(id)).state, 'cancelled')
    assert.match(await speech.metrics.text(), /holdfast_speech_to_text_streams_active 0/)
  })

  it('hears compressed audio, streamed too', { skip: noFfmpeg }, async () => {
    const { speechToText } = speech.clients
    for (const args of [
      ['-f', 'flac'],
      ['-f', 'mp3'],
      ['-c:a', 'libopus', '-f', 'ogg'],
    ]) {
      const { job } = await speechToText.transcribe({ audio: media(await compressed(first.wav, ...args)) })
      assertSays(job?.transcript?.text, first)
    }
    const opus = await compressed(first.wav, '-c:a', 'libopus', '-f', 'ogg')
    for await (const { event } of speechToText.streamTranscribe({}, piecesOf(opus, 4_000))) {
      if (event?.$case === 'finished') assertSays(event.value.transcript?.text, first)
    }
  })

  it('names what is wrong, and goes on', async () => {
    const { speechToText } = speech.clients
    const fails = (code: string, words: RegExp, field?: string) => (error: unknown) => {
      assert.ok(error instanceof HoldfastError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, words)
      if (field !== undefined) assert.equal(error.fields[0]?.field, field)
      return true
    }
    const transcribe = (content: Uint8Array, language = '') =>
      speechToText.transcribe({ audio: media(content), transcription: { language } })
    await assert.rejects(transcribe(Buffer.alloc(0)), fails('INVALID_ARGUMENT', /empty/, 'audio.content'))
    await assert.rejects(
      transcribe(Buffer.from('\x89PNG\r\n', 'latin1')),
      fails('INVALID_ARGUMENT', /PNG picture/, 'audio'),
    )
    await assert.rejects(transcribe(first.wav.subarray(0, 9_000)), fails('INVALID_ARGUMENT', /cut off/, 'audio'))
    await assert.rejects(
      transcribe(first.wav, 'fr'),
      fails('INVALID_ARGUMENT', /fr: moonshine-base knows en/, 'transcription.language'),
    )
    await assert.rejects(speechToText.transcribe({}), fails('INVALID_ARGUMENT', /missing/, 'audio'))
    await assert.rejects(
      speechToText.transcribe({ audio: { source: { $case: 'artifactId', value: '0'.repeat(64) } } }),
      fails('NOT_FOUND', /no bytes of an artifact/),
    )
    const stream = async (config: Parameters<typeof speechToText.streamTranscribe>[0], bytes: Uint8Array) => {
      for await (const _ of speechToText.streamTranscribe(config, piecesOf(bytes, 1_000)));
    }
    const pcm = wire.StreamEncoding.PCM_S16LE
    await assert.rejects(stream({ encoding: pcm }, long), fails('INVALID_ARGUMENT', /is 0/, 'config.sample_rate_hz'))
    await assert.rejects(
      stream({ encoding: pcm, sampleRateHz: 16_000, channels: 7 }, long),
      fails('INVALID_ARGUMENT', /is 7/, 'config.channels'),
    )
    await assert.rejects(
      stream({ transcription: { language: 'de' } }, long),
      fails('INVALID_ARGUMENT', /de/, 'config.transcription.language'),
    )
    await assert.rejects(stream({}, Buffer.from('<html>')), fails('INVALID_ARGUMENT', /HTML/, 'audio'))
    await assert.rejects(stream({}, Buffer.alloc(0)), fails('INVALID_ARGUMENT', /is empty/, 'audio'))
    await speech.service.health()
    assertSays((await transcribe(first.wav)).job?.transcript?.text, first)
  })
})
