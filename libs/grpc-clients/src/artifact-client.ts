import { HoldfastError } from '@holdfast/errors'
import { artifacts, type jobs } from '@holdfast/protocol'
import { backoffMs, pause } from './backoff.js'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import { outcomeUnknown } from './failures.js'
import { encode, type Partially } from './method.js'
import type { CallOptions } from './options.js'
import { sendStream } from './request-stream.js'
import { type ResumingStream, resuming } from './resuming.js'
import { readStream } from './server-stream.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = artifacts.ArtifactServiceService
type Service = typeof artifacts.ArtifactServiceService

/** Bytes as they are, as a stream that can be read once, or as a function that gives such a stream from its start. */
export type UploadContent = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>)

export type UploadOptions = CallOptions & Partially<artifacts.UploadHeader>

export interface Download {
  readonly artifact: jobs.Artifact
  /** How many bytes follow. */
  readonly length: number
  /** The bytes, each once, across lost connections. To be read once; leaving the loop ends the call. */
  readonly body: AsyncIterable<Uint8Array>
}

/** holdfast.artifacts.v1.ArtifactService. */
export interface ArtifactClient extends UnaryCalls<Service> {
  /** Stores bytes, as fast as the server takes them. The same bytes are stored once, so that it is repeated when the connection is lost; not so
   *  with a stream that can be read only once: UNKNOWN then. What the content throws is thrown. The deadline is that of streams. */
  upload(content: UploadContent, options?: UploadOptions): Promise<jobs.Artifact>
  /** Bytes of an artifact, or a range of them. What was cut off goes on where it was. The deadline is that of streams. */
  download(request: Partially<artifacts.DownloadRequest>, options?: CallOptions): Promise<Download>
}

const rules: UnaryRules<Service> = {
  getArtifact: { request: artifacts.GetArtifactRequest, repeatable: true },
  getLineage: { request: artifacts.GetLineageRequest, repeatable: true },
}

export function createArtifactClient(connection: Connection): ArtifactClient {
  return {
    ...unaryCalls(connection, service, rules),
    upload: (content, options = {}) => upload(connection, content, options),
    download: (partial, options = {}) => download(connection, artifacts.DownloadRequest.fromPartial(partial), options),
  }
}

const chunkBytes = 256 * 1024

async function upload(connection: Connection, content: UploadContent, options: UploadOptions): Promise<jobs.Artifact> {
  const { signal, deadlineMs, ...header } = options
  const deadline = Date.now() + (deadlineMs ?? connection.streamDeadlineMs)
  const sizeBytes = content instanceof Uint8Array ? content.byteLength : 0
  const given = artifacts.UploadHeader.fromPartial({ sizeBytes, ...header })
  const first: artifacts.UploadRequest = { part: { $case: 'header', value: given } }
  encode(service.upload, first)
  let hasBegun = false
  async function* requests(): AsyncGenerator<artifacts.UploadRequest> {
    yield first
    hasBegun = true
    for await (const bytes of pieces(content)) {
      for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
        const value = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(chunkBytes, bytes.byteLength - at))
        yield { part: { $case: 'chunk', value } }
      }
    }
  }
  const isRepeatable = content instanceof Uint8Array || typeof content === 'function'
  using call = connection.begin(signal)
  let failedOn: Link | undefined
  for (let attempt = 1; ; attempt++) {
    const link = await connection.channels.next(deadline, failedOn)
    const outcome = await sendStream(connection, link, service.upload, requests(), { deadline, signal: call.signal })
    if ('response' in outcome) return present(outcome.response.artifact, 'Upload')
    failedOn = link
    const { error, effect } = outcome
    if (effect === 'answered') throw error
    if (!isRepeatable && hasBegun) throw effect === 'unknown' ? outcomeUnknown('Upload', outcome) : error
    const waitMs = backoffMs(attempt, error.retryAfterMs)
    if (attempt >= connection.maxAttempts || Date.now() + waitMs >= deadline) throw error
    await pause(waitMs, call.signal, 'Upload')
  }
}

async function* pieces(content: UploadContent): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content
  else yield* typeof content === 'function' ? content() : content
}

type Part = NonNullable<artifacts.DownloadResponse['part']>

async function download(
  connection: Connection,
  request: artifacts.DownloadRequest,
  options: CallOptions,
): Promise<Download> {
  let received = 0
  let length: number | undefined
  const stream: ResumingStream<Part> = {
    name: 'Download',
    isLast: (part) => (part.$case === 'chunk' ? received === length : part.value.length === 0),
    async *open(link, attempt) {
      // Behind what has come; 0 would mean: to the end.
      const rest = length === undefined ? request.length : length - received
      const from = { ...request, offset: request.offset + received, length: rest }
      for await (const { part } of readStream(connection, link, encode(service.download, from), attempt)) {
        if (part === undefined || (part.$case === 'header' && length !== undefined)) continue
        if (part.$case === 'header') length = part.value.length
        else received += part.value.byteLength
        yield part
      }
    },
  }
  const parts = resuming(connection, stream, connection.streamDeadlineMs, options)[Symbol.asyncIterator]()
  const first = await parts.next()
  const header = first.done === true || first.value.$case !== 'header' ? undefined : first.value.value
  const { artifact, length: total } = present(header, 'Download')
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (let step = await parts.next(); step.done !== true; step = await parts.next()) {
        if (step.value.$case === 'chunk') yield step.value.value
      }
    } finally {
      await parts.return?.()
    }
  }
  return { artifact: present(artifact, 'Download'), length: total, body: body() }
}

function present<T>(value: T | undefined, method: string): T {
  if (value !== undefined) return value
  throw new HoldfastError(
    'INTERNAL',
    `${method} was answered without what it asked for: the server is not of this contract`,
  )
}
