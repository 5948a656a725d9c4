import { HoldfastError } from '@holdfast/errors'
import { openAudio } from '@holdfast/models'
import { jobs as jobsWire, textToSpeech as wire } from '@holdfast/protocol'
import { whyNoFfmpeg } from '@holdfast/test-servers'
import { openLineage } from '@holdfast/jobs'
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type SpeechForTests, startSpeech } from './speech-for-tests.js'

const noFfmpeg = (await whyNoFfmpeg()) ?? false

function text(value: string): { $case: 'text'; value: string } {
  return { $case: 'text', value }
}

function ssml(value: string): { $case: 'ssml'; value: string } {
  return { $case: 'ssml', value }
}

async function durationOf(audio: Uint8Array): Promise<number> {
  let samples = 0
  for await (const chunk of (await openAudio(audio)).samples) samples += chunk.length
  return samples / 16
}

const story = Array.from({ length: 12 }, (_, index) => `Here is sentence number ${index + 1} of the story.`).join(' ')

interface Streamed {
  readonly started: wire.StreamSpeakStarted | undefined
  readonly audio: Buffer
  readonly texts: readonly string[]
  readonly finished: wire.SpeechJob | undefined
}

describe('TextToSpeechService', () => {
  let speech: SpeechForTests
  before(async () => {
    speech = await startSpeech()
  })
  after(() => speech[Symbol.asyncDispose]())

  async function stream(request: Parameters<typeof speech.clients.textToSpeech.streamSpeak>[0]): Promise<Streamed> {
    let started: wire.StreamSpeakStarted | undefined
    let finished: wire.SpeechJob | undefined
    const audio: Buffer[] = []
    const texts: string[] = []
    for await (const { event } of speech.clients.textToSpeech.streamSpeak(request)) {
      if (event?.$case === 'started') started = event.value
      if (event?.$case === 'finished') finished = event.value
      if (event?.$case === 'chunk') {
        audio.push(event.value.audio)
        if (event.value.text !== '') texts.push(event.value.text)
      }
    }
    return { started, audio: Buffer.concat(audio), texts, finished }
  }

  it('speaks a text as a whole WAV file, and says what it said when', async () => {
    const answer = await speech.clients.textToSpeech.speak({ input: { source: text('Dr. Brown is in. Come on!') } })
    assert.equal(answer.contentType, 'audio/wav')
    const made = answer.job?.speech
    assert.deepEqual(
      made?.sentences.map(({ text }) => text),
      ['Dr. Brown is in.', 'Come on!'],
    )
    assert.equal(made?.sentences[1]?.startMs, made?.sentences[0]?.endMs)
    assert.equal(made?.sentences[1]?.endMs, made?.durationMs)
    assert.equal(Math.round(await durationOf(answer.audio)), made?.durationMs)
    assert.equal(answer.audio.readUInt32LE(40), answer.audio.length - 44)
    assert.equal(made?.voice, 'slt')
    assert.equal(made?.audio?.role, 'audio')
    assert.deepEqual(await speech.store.blobs.bytes(made?.audio?.id ?? ''), answer.audio)
    assert.equal(answer.job?.job?.usage?.characters, 25)
    assert.equal(answer.job?.job?.model?.name, 'flite')
  })

  it('says what the audio was made from: the text, or what it came from', async () => {
    const { textToSpeech } = speech.clients
    const lineage = openLineage(speech.store)
    const said = await textToSpeech.speak({ input: { source: text('Who is there?') } })
    const [from] = (await lineage.tree(said.job?.speech?.audio?.id ?? '')).madeFrom
    assert.deepEqual([from?.artifact?.role, from?.artifact?.contentType], ['text', 'text/plain; charset=utf-8'])
    assert.equal(String(await speech.store.blobs.bytes(from?.id ?? '')), 'Who is there?')
    assert.deepEqual(said.job?.job?.inputIds, [from?.id])
    const answered = await textToSpeech.speak({ input: { source: text('It is me.'), madeFromId: 'talk/3' } })
    const tree = await lineage.tree(answered.job?.speech?.audio?.id ?? '')
    assert.deepEqual(tree.madeFrom[0]?.message, { conversationId: 'talk', seq: 3 })
    await assert.rejects(textToSpeech.speak({ input: { source: text('No.'), madeFromId: 'nothing' } }), {
      code: 'NOT_FOUND',
    })
  })

  it('answers the same wish from what was made before', async () => {
    const { textToSpeech } = speech.clients
    const wish = { input: { source: text('Come in, please.'), speed: 1.2 } }
    const first = await textToSpeech.speak(wish)
    const second = await textToSpeech.speak({ input: { ...wish.input, voice: 'slt' } })
    assert.equal(first.job?.job?.fromCache, false)
    assert.equal(second.job?.job?.fromCache, true)
    assert.ok(first.audio.equals(second.audio))
    assert.ok(second.job?.speech?.audio !== undefined)
    const other = await textToSpeech.speak({ input: { ...wish.input, voice: 'rms' } })
    assert.equal(other.job?.job?.fromCache, false)
  })

  it('streams sentence by sentence: the first sound before the last sentence is made', async () => {
    const startedAt = performance.now()
    let first = 0
    let sentences = 0
    let last: wire.SpeechJob | undefined
    for await (const { event } of speech.clients.textToSpeech.streamSpeak({ input: { source: text(story) } })) {
      if (event?.$case === 'chunk') {
        first ||= event.value.audio.length > 44 ? performance.now() - startedAt : 0
        if (event.value.text !== '') sentences += 1
      }
      if (event?.$case === 'finished') last = event.value
    }
    const all = performance.now() - startedAt
    assert.equal(sentences, 12)
    assert.ok(first < all / 2, `${first} of ${all} ms`)
    assert.equal(last?.job?.state, jobsWire.JobState.SUCCEEDED)
  })

  it('streams the same bytes as it stores, made now or before', async () => {
    const source = text('The first one. The second one. The third one.')
    const now = await stream({ input: { source, format: wire.AudioFormat.PCM_S16LE } })
    const before = await stream({ input: { source, format: wire.AudioFormat.PCM_S16LE } })
    assert.equal(before.finished?.job?.fromCache, true)
    assert.ok(now.audio.equals(before.audio))
    assert.deepEqual(now.texts, ['The first one.', 'The second one.', 'The third one.'])
    assert.deepEqual(before.texts, now.texts)
    assert.equal(now.started?.contentType, 'audio/pcm;rate=16000;channels=1;encoding=s16le')
    const stored = await speech.store.blobs.bytes(now.finished?.speech?.audio?.id ?? '')
    assert.ok(stored.equals(now.audio))
    const wav = await stream({ input: { source } })
    assert.equal(wav.audio.readUInt32LE(40), 0xffffffff)
    assert.ok(wav.audio.subarray(44).equals(now.audio))
  })

  it('follows SSML: pauses, replaced words, rates', async () => {
    const { textToSpeech } = speech.clients
    const of = async (source: ReturnType<typeof text> | ReturnType<typeof ssml>) =>
      (await textToSpeech.speak({ input: { source } })).job?.speech?.durationMs ?? 0
    const plain = await of(ssml('<speak>Good morning.</speak>'))
    const paused = await of(ssml('<speak>Good morning.<break time="2s"/>Good morning.</speak>'))
    assert.equal(paused, 2 * plain + 2_000)
    const slow = await of(ssml('<speak><prosody rate="50%">Good morning.</prosody></speak>'))
    assert.ok(Math.abs(slow / plain - 2) < 0.2, `${slow} and ${plain}`)
    assert.equal(await of(ssml('<speak><sub alias="Good">G</sub> morning.</speak>')), plain)
  })

  it('has voices, of a language, with samples that can be heard', async () => {
    const { textToSpeech } = speech.clients
    const all = await textToSpeech.listVoices({})
    assert.deepEqual(
      all.voices.map(({ id }) => id),
      ['slt', 'rms', 'awb', 'kal16'],
    )
    assert.deepEqual(
      all.voices.filter(({ isDefault }) => isDefault).map(({ id }) => id),
      ['slt'],
    )
    assert.equal(all.model?.name, 'flite')
    const british = await textToSpeech.listVoices({ language: 'en-GB', withSamples: true })
    assert.deepEqual(
      british.voices.map(({ id }) => id),
      ['awb'],
    )
    const sample = await speech.store.blobs.bytes(british.voices[0]?.sample?.id ?? '')
    assert.ok((await durationOf(sample)) > 1_500)
    const again = await textToSpeech.listVoices({ language: 'en', withSamples: true })
    assert.equal(again.voices.length, 4)
    assert.equal(new Set(again.voices.map(({ sample }) => sample?.id)).size, 4)
    assert.deepEqual((await textToSpeech.listVoices({ language: 'fr' })).voices, [])
  })

  it('does a job in the background, and stops the model when it is cancelled', async () => {
    const { textToSpeech } = speech.clients
    const { job } = await textToSpeech.submit({
      input: { source: text(`${story} ${'And so on and on. '.repeat(300)}`) },
      options: { key: 'story' },
    })
    const id = job?.job?.id ?? ''
    while (!speech.model.state().running) await delay(2)
    const { job: cancelled } = await textToSpeech.cancel({ jobId: id })
    assert.equal(cancelled?.job?.state, jobsWire.JobState.CANCELLED)
    assert.equal(cancelled?.job?.stopped, true)
    const kinds: (string | undefined)[] = []
    for await (const { event } of textToSpeech.watch({ jobId: id })) kinds.push(event?.event?.$case)
    assert.equal(kinds[0], 'queued')
    assert.equal(kinds.at(-1), 'cancelled')
    const listed = await textToSpeech.list({ filter: { states: [jobsWire.JobState.CANCELLED] } })
    assert.deepEqual(
      listed.jobs.map(({ job }) => job?.id),
      [id],
    )
  })

  it('cancels the job of a stream whose listener leaves', async () => {
    let id = ''
    const input = { source: text('And on, and on, it goes. '.repeat(300)) }
    for await (const { event } of speech.clients.textToSpeech.streamSpeak({ input })) {
      if (event?.$case === 'started') id = event.value.jobId
      if (event?.$case === 'chunk' && event.value.sentence > 0) break
    }
    assert.equal((await speech.jobs.wait(id)).state, 'cancelled')
    for (const until = Date.now() + 5_000; speech.model.state().running; await delay(5)) assert.ok(Date.now() < until)
    assert.match(await speech.metrics.text(), /holdfast_text_to_speech_active 0/)
  })

  it('writes compressed audio where ffmpeg is there', { skip: noFfmpeg }, async () => {
    const { textToSpeech } = speech.clients
    for (const [format, contentType] of [
      [wire.AudioFormat.MP3, 'audio/mpeg'],
      [wire.AudioFormat.OGG_OPUS, 'audio/ogg'],
      [wire.AudioFormat.FLAC, 'audio/flac'],
      [wire.AudioFormat.M4A, 'audio/mp4'],
    ] as const) {
      const answer = await textToSpeech.speak({ input: { source: text('Small is beautiful.'), format } })
      assert.equal(answer.contentType, contentType)
      assert.ok(Math.abs((await durationOf(answer.audio)) - (answer.job?.speech?.durationMs ?? 0)) < 150)
    }
    const streamed = await stream({ input: { source: text(story), format: wire.AudioFormat.MP3 } })
    const stored = await speech.store.blobs.bytes(streamed.finished?.speech?.audio?.id ?? '')
    assert.ok(stored.equals(streamed.audio))
  })

  it('says that ffmpeg is missing where it is', async () => {
    await using without = await startSpeech({ ffmpeg: { command: '/nowhere/ffmpeg' } })
    const input = { source: text('Hello.'), format: wire.AudioFormat.MP3 }
    await assert.rejects(without.clients.textToSpeech.speak({ input }), {
      code: 'FAILED_PRECONDITION',
      reason: 'FFMPEG_MISSING',
    })
  })

  it('names what is wrong', async () => {
    const fails = (code: string, words: RegExp, field?: string) => (error: unknown) => {
      assert.ok(error instanceof HoldfastError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, words)
      if (field !== undefined) assert.equal(error.fields[0]?.field, field)
      return true
    }
    const speak = (input: NonNullable<Parameters<typeof speech.clients.textToSpeech.speak>[0]>['input']) =>
      speech.clients.textToSpeech.speak({ input })
    const source = text('Hello.')
    await assert.rejects(speak({}), fails('INVALID_ARGUMENT', /is missing/, 'input.text'))
    await assert.rejects(speak({ source: text(' ... ') }), fails('INVALID_ARGUMENT', /nothing that can/, 'input.text'))
    await assert.rejects(
      speak({ source: text('a'.repeat(100_001)) }),
      fails('INVALID_ARGUMENT', /100001 characters/, 'input.text'),
    )
    await assert.rejects(speak({ source, voice: 'x' }), fails('INVALID_ARGUMENT', /it has slt/, 'input.voice'))
    await assert.rejects(speak({ source, speed: 3 }), fails('INVALID_ARGUMENT', /0.5 to 2/, 'input.speed'))
    await assert.rejects(
      speak({ source: ssml('<speak><audio/></speak>') }),
      fails('INVALID_ARGUMENT', /<audio>, which is not understood/, 'input.ssml'),
    )
    await assert.rejects(
      speak({ source: text('And on, and on. '.repeat(60)) }),
      fails('RESOURCE_EXHAUSTED', /do not fit into an answer: download artifact/),
    )
    await speech.service.health()
  })
})
