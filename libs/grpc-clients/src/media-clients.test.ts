import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { type artifacts, jobs, speechToText, textToSpeech, vision } from '@holdfast/protocol'
import { startRelay } from '@holdfast/test-servers'
import { serviceError } from './chat-server-for-tests.js'
import { createClients } from './clients.js'
import { startMediaServer } from './media-server-for-tests.js'

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

const progress = (cursor: number): { event: jobs.JobEvent; job: undefined } => ({
  event: jobs.JobEvent.fromPartial({ cursor, event: { $case: 'progress', value: { fraction: cursor / 100 } } }),
  job: undefined,
})

describe('a job', () => {
  it('that is submitted gets a key, the same for all attempts', async () => {
    const keys: string[] = []
    await using server = await startMediaServer({
      vision: {
        describe: ({ request }, answer) => {
          keys.push(request.options?.key ?? '')
          if (keys.length < 3) answer(serviceError(new HoldfastError('UNKNOWN', 'Nobody knows')))
          else answer(null, vision.DescribeResponse.fromPartial({ description: { text: 'A dog' } }))
        },
      },
    })
    await using clients = createClients({ address: server.address })
    const { description } = await clients.vision.describe({
      picture: { source: { $case: 'content', value: Buffer.from('png') } },
      options: { labels: ['kept'] },
    })
    assert.equal(description?.text, 'A dog')
    assert.equal(keys.length, 3)
    assert.equal(new Set(keys).size, 1)
    assert.notEqual(keys[0], '')
  })

  it('keeps the key and the labels that its caller gave it', async () => {
    let options: jobs.JobOptions | undefined
    await using server = await startMediaServer({
      imageGeneration: {
        submit: ({ request }, answer) => {
          ;({ options } = request)
          answer(null, { job: undefined })
        },
      },
    })
    await using clients = createClients({ address: server.address })
    await clients.imageGeneration.submit({ spec: { prompt: 'a hill' }, options: { key: 'mine', labels: ['a'] } })
    assert.deepEqual(options, jobs.JobOptions.fromPartial({ key: 'mine', labels: ['a'] }))
  })

  it('that is retried is not retried twice when the connection is lost', async () => {
    await using relay = await startRelay(undefined)
    let calls = 0
    await using server = await startMediaServer({
      textToSpeech: {
        retry: () => {
          calls++
          relay.cut()
        },
      },
    })
    relay.aim(server.port)
    await using clients = createClients({ address: relay.address })
    await assert.rejects(clients.textToSpeech.retry({ jobId: 'j' }), { code: 'UNKNOWN', reason: 'OUTCOME_UNKNOWN' })
    assert.equal(calls, 1)
  })

  it('is watched across lost connections, each event once, until its end', async () => {
    await using relay = await startRelay(undefined)
    const from: number[] = []
    await using server = await startMediaServer({
      speechToText: {
        watch: (call) => {
          const { after } = call.request
          from.push(after)
          for (let cursor = after + 1; cursor <= 100; cursor++) {
            call.write(progress(cursor))
            if (cursor % 30 === 0) return void setTimeout(() => relay.cut(), 20)
          }
          call.write({
            event: jobs.JobEvent.fromPartial({ cursor: 101, event: { $case: 'succeeded', value: {} } }),
            job: speechToText.TranscriptionJob.fromPartial({ transcript: { text: 'all of it' } }),
          })
          call.end()
        },
      },
    })
    relay.aim(server.port)
    await using clients = createClients({ address: relay.address })
    const events = await all(clients.speechToText.watch({ jobId: 'j', after: 5 }))
    assert.deepEqual(
      events.map(({ event }) => event?.cursor),
      Array.from({ length: 96 }, (_, index) => index + 6),
    )
    assert.equal(events.at(-1)?.job?.transcript?.text, 'all of it')
    assert.equal(from[0], 5)
    assert.ok(from.length > 3)
  })

  it('has the deadline of streams when its call waits for the work', async () => {
    await using server = await startMediaServer({
      textToSpeech: {
        speak: (_, answer) =>
          void setTimeout(
            () => answer(null, textToSpeech.SpeakResponse.fromPartial({ contentType: 'audio/wav' })),
            150,
          ),
        get: (_, answer) => void setTimeout(() => answer(null, { job: undefined }), 150),
      },
    })
    await using clients = createClients({ address: server.address, deadlineMs: 100, streamDeadlineMs: 20_000 })
    assert.equal((await clients.textToSpeech.speak({ input: {} })).contentType, 'audio/wav')
    await assert.rejects(clients.textToSpeech.get({ jobId: 'j' }), { code: 'DEADLINE_EXCEEDED' })
  })
})

type TalkCall = ServerDuplexStream<speechToText.StreamTranscribeRequest, speechToText.StreamTranscribeResponse>

describe('audio that is streamed', () => {
  const hearing = (call: TalkCall): void => {
    let heard = 0
    call.on('data', ({ part }: speechToText.StreamTranscribeRequest) => {
      if (part?.$case === 'config')
        call.write({ event: { $case: 'started', value: { jobId: part.value.encoding.toString() } } })
      if (part?.$case !== 'audio') return
      heard += part.value.length
      call.write({ event: { $case: 'interim', value: { startMs: heard, text: part.value.toString() } } })
    })
    call.on('end', () => call.end())
  }

  it('brings what was heard while more of it is sent', async () => {
    await using server = await startMediaServer({ speechToText: { streamTranscribe: hearing } })
    await using clients = createClients({ address: server.address })
    let isHeard = (): void => {}
    async function* audio(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one')
      await new Promise<void>((resolve) => (isHeard = resolve))
      yield Buffer.from('two')
    }
    const texts: string[] = []
    const config = { encoding: speechToText.StreamEncoding.PCM_S16LE, interimResults: true }
    for await (const { event } of clients.speechToText.streamTranscribe(config, audio())) {
      texts.push(event?.$case === 'interim' ? event.value.text : (event?.$case ?? 'none'))
      if (texts.at(-1) === 'one') isHeard()
    }
    assert.deepEqual(texts, ['started', 'one', 'two'])
  })

  it('ends the call when the source fails, with the failure of the source', async () => {
    let wasCancelled = (): void => {}
    let hasCome = (): void => {}
    const come = new Promise<void>((resolve) => (hasCome = resolve))
    const cancelled = new Promise<void>((resolve) => (wasCancelled = resolve))
    await using server = await startMediaServer({
      speechToText: {
        streamTranscribe: (call) => {
          call.on('cancelled', wasCancelled)
          call.on('data', () => hasCome())
        },
      },
    })
    await using clients = createClients({ address: server.address })
    async function* audio(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one')
      await come
      throw new TypeError('the microphone is gone')
    }
    await assert.rejects(all(clients.speechToText.streamTranscribe({}, audio())), /the microphone is gone/)
    await cancelled
  })

  it('is ended by its reader and by a signal, also while the source has nothing', async () => {
    let cancels = 0
    await using server = await startMediaServer({
      speechToText: {
        streamTranscribe: (call) => {
          call.on('cancelled', () => cancels++)
          hearing(call)
        },
      },
    })
    await using clients = createClients({ address: server.address })
    const closed: string[] = []
    async function* audio(name: string): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from(await new Promise<string>((resolve) => setTimeout(() => resolve(name), 5)))
      } finally {
        closed.push(name)
      }
    }
    for await (const { event } of clients.speechToText.streamTranscribe({}, audio('left'))) {
      if (event?.$case === 'interim') break
    }
    const control = new AbortController()
    const stream = clients.speechToText.streamTranscribe({}, audio('aborted'), { signal: control.signal })
    const reading = (async () => {
      for await (const { event } of stream) if (event?.$case === 'interim') control.abort()
    })()
    await assert.rejects(reading, { code: 'CANCELLED' })
    while (closed.length < 2 || cancels < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(closed, ['left', 'aborted'])
  })

  it('fails with what the server says, also when that comes before all was sent', async () => {
    await using server = await startMediaServer({
      speechToText: {
        streamTranscribe: (call) => {
          call.once('data', () =>
            call.emit(
              'error',
              serviceError(new HoldfastError('INVALID_ARGUMENT', 'No such language', { reason: 'LANGUAGE' })),
            ),
          )
        },
      },
    })
    await using clients = createClients({ address: server.address })
    async function* audio(): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield Buffer.alloc(100_000)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    await assert.rejects(all(clients.speechToText.streamTranscribe({}, audio())), { reason: 'LANGUAGE' })
  })
})

const bytes = Buffer.from(Array.from({ length: 1_500_000 }, (_, index) => (index * 7919) & 255))
const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

type UploadCall = ServerReadableStream<artifacts.UploadRequest, artifacts.UploadResponse>

/** Takes an upload, and calls `onChunk` with how much there is. */
function take(
  call: UploadCall,
  onChunk: (received: number) => void,
): Promise<{ header: artifacts.UploadHeader; content: Buffer }> {
  return new Promise((resolve) => {
    let header: artifacts.UploadHeader | undefined
    const chunks: Buffer[] = []
    let received = 0
    call.on('data', ({ part }: artifacts.UploadRequest) => {
      if (part?.$case === 'header') header = part.value
      if (part?.$case !== 'chunk') return
      chunks.push(part.value)
      received += part.value.length
      onChunk(received)
    })
    call.on('end', () => resolve({ header: header ?? assert.fail('no header'), content: Buffer.concat(chunks) }))
  })
}

describe('an upload', () => {
  it('arrives whole and in pieces, with what is said of it', async () => {
    const seen: { header: artifacts.UploadHeader; content: Buffer }[] = []
    let largest = 0
    let before = 0
    await using server = await startMediaServer({
      artifacts: {
        upload: (call, answer) => {
          before = 0
          void take(call, (received) => {
            largest = Math.max(largest, received - before)
            before = received
          }).then((upload) => {
            seen.push(upload)
            answer(null, { artifact: jobs.Artifact.fromPartial({ id: sha256(upload.content) }) })
          })
        },
      },
    })
    await using clients = createClients({ address: server.address })
    const header = { contentType: 'audio/wav', name: 'a.wav', sha256: sha256(bytes) }
    assert.equal((await clients.artifacts.upload(bytes, header)).id, header.sha256)
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 7)
      yield bytes.subarray(7)
    }
    assert.equal((await clients.artifacts.upload(pieces())).id, header.sha256)
    assert.deepEqual(seen[0]?.header, { ...header, sizeBytes: bytes.length })
    assert.equal(seen[1]?.header.sizeBytes, 0)
    assert.equal(largest, 256 * 1024)
  })

  it('is repeated when the connection is lost, unless its content can be read only once', async () => {
    await using relay = await startRelay(undefined)
    let calls = 0
    await using server = await startMediaServer({
      artifacts: {
        upload: (call, answer) => {
          calls++
          const isCut = calls !== 2
          void take(call, (received) => {
            if (isCut && received > 500_000) relay.cut()
          }).then(({ content }) => answer(null, { artifact: jobs.Artifact.fromPartial({ id: sha256(content) }) }))
        },
      },
    })
    relay.aim(server.port)
    await using clients = createClients({ address: relay.address })
    async function* once(): AsyncGenerator<Uint8Array> {
      yield bytes
    }
    assert.equal((await clients.artifacts.upload(() => once())).id, sha256(bytes))
    assert.equal(calls, 2)
    await assert.rejects(clients.artifacts.upload(once()), { code: 'UNKNOWN', reason: 'OUTCOME_UNKNOWN' })
    assert.equal(calls, 3)
  })

  it('fails with what its content or the server throws', async () => {
    await using server = await startMediaServer({
      artifacts: {
        upload: (_, answer) =>
          answer(serviceError(new HoldfastError('RESOURCE_EXHAUSTED', 'Too large', { reason: 'SIZE' }))),
      },
    })
    await using clients = createClients({ address: server.address })
    await assert.rejects(clients.artifacts.upload(bytes), { reason: 'SIZE' })
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1)
      await new Promise((resolve) => setTimeout(resolve, 1))
      throw new TypeError('unreadable')
    }
    await using silent = await startMediaServer({ artifacts: { upload: (call) => void call.on('data', () => {}) } })
    await using others = createClients({ address: silent.address })
    await assert.rejects(others.artifacts.upload(broken()), /unreadable/)
  })
})

describe('a download', () => {
  it('goes on where it was cut off, each byte once', async () => {
    await using relay = await startRelay(undefined)
    const ranges: [number, number][] = []
    await using server = await startMediaServer({
      artifacts: {
        download: (call) => {
          const { offset, length } = call.request
          ranges.push([offset, length])
          const wanted = length === 0 ? bytes.length - offset : length
          const artifact = jobs.Artifact.fromPartial({ id: 'a', sizeBytes: bytes.length })
          call.write({ part: { $case: 'header', value: { artifact, length: wanted } } })
          const part = bytes.subarray(offset, offset + wanted)
          for (let at = 0; at < part.length; at += 100_000) {
            call.write({ part: { $case: 'chunk', value: part.subarray(at, at + 100_000) } })
            if (at === 400_000) return void setTimeout(() => relay.cut(), 20)
          }
          call.end()
        },
      },
    })
    relay.aim(server.port)
    await using clients = createClients({ address: relay.address })
    const { artifact, length, body } = await clients.artifacts.download({ artifactId: 'a', offset: 1000 })
    assert.equal(artifact.sizeBytes, bytes.length)
    assert.equal(length, bytes.length - 1000)
    const content = Buffer.concat(await all(body))
    assert.ok(content.equals(bytes.subarray(1000)))
    assert.ok(ranges.length > 2)
    const range = await clients.artifacts.download({ artifactId: 'a', offset: 5, length: 10 })
    assert.ok(Buffer.concat(await all(range.body)).equals(bytes.subarray(5, 15)))
  })

  it('of nothing ends, and one that is not there fails at once', async () => {
    await using server = await startMediaServer({
      artifacts: {
        download: (call) => {
          if (call.request.artifactId !== 'empty') {
            call.emit('error', serviceError(new HoldfastError('NOT_FOUND', 'There is no such artifact')))
            return
          }
          call.write({ part: { $case: 'header', value: { artifact: jobs.Artifact.fromPartial({}), length: 0 } } })
          call.end()
        },
      },
    })
    await using clients = createClients({ address: server.address })
    const { length, body } = await clients.artifacts.download({ artifactId: 'empty' })
    assert.equal(length, 0)
    assert.deepEqual(await all(body), [])
    await assert.rejects(clients.artifacts.download({ artifactId: 'none' }), { code: 'NOT_FOUND' })
  })
})
