import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Artifact, Jobs, Lineage, LineageTree } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'

export interface UploadRequest {
  readonly contentType: string
  readonly name: string
  /** What the bytes must be; empty: not checked. */
  readonly sha256: string
  /** 0: not said. */
  readonly sizeBytes: number
}

export interface Range {
  readonly offset: number
  /** 0: to the end. */
  readonly length: number
}

export interface Content {
  readonly artifact: Artifact
  /** How many bytes come. */
  readonly length: number
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Bytes of media and what was made from them, without the wire. */
export class Artifacts {
  readonly #store: TenantStore
  readonly #jobs: Pick<Jobs, 'get'>
  readonly #lineage: Lineage
  readonly #maxUploadBytes: number

  constructor(store: TenantStore, jobs: Pick<Jobs, 'get'>, lineage: Lineage, maxUploadBytes: number) {
    this.#store = store
    this.#jobs = jobs
    this.#lineage = lineage
    this.#maxUploadBytes = maxUploadBytes
  }

  /** @param signal looked at before anything is kept: a caller that cancels may seem to have ended */
  async upload(
    { contentType, name, sha256, sizeBytes }: UploadRequest,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Artifact> {
    if (sha256 !== '' && !/^[0-9a-f]{64}$/.test(sha256)) {
      throw invalidField('header.sha256', 'must be 64 lower-case hexadecimal digits')
    }
    if (/[/\\]/.test(name) || name.length > 255)
      throw invalidField('header.name', 'must be a file name without folders')
    if (!/^([\w.+-]+\/[\w.+-]+([;\s].*)?)?$/.test(contentType) || contentType.length > 200) {
      throw invalidField('header.content_type', `is no media type: ${contentType.slice(0, 100)}`)
    }
    if (sizeBytes > this.#maxUploadBytes) throw this.#tooLarge()
    const checked = this.#checked(chunks, sha256, sizeBytes, signal)
    return this.#lineage.upload(checked, {
      signal,
      ...(contentType === '' ? {} : { contentType }),
      ...(name === '' ? {} : { name }),
    })
  }

  /** Throws where a put would otherwise come to its end, so that nothing is kept. */
  async *#checked(
    chunks: AsyncIterable<Uint8Array>,
    sha256: string,
    sizeBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const hash = createHash('sha256')
    let count = 0
    for await (const chunk of chunks) {
      count += chunk.length
      if (count > this.#maxUploadBytes) throw this.#tooLarge()
      if (sha256 !== '') hash.update(chunk)
      yield chunk
    }
    signal.throwIfAborted()
    if (sizeBytes !== 0 && count !== sizeBytes) {
      throw invalidField('header.size_bytes', `is ${sizeBytes}, but ${count} came: send all of it again`)
    }
    const found = sha256 === '' ? '' : hash.digest('hex')
    if (found !== sha256) {
      throw invalidField('header.sha256', `is not that of what came, which is ${found}: send it again`, {
        reason: 'HASH_MISMATCH',
      })
    }
  }

  #tooLarge(): HoldfastError {
    const text = `An upload may have ${this.#maxUploadBytes} bytes: send less, or raise limits.maxUploadBytes`
    return new HoldfastError('RESOURCE_EXHAUSTED', text, { reason: 'UPLOAD_TOO_LARGE' })
  }

  async get(id: string): Promise<Artifact> {
    if (id === '') throw invalidField('artifact_id', 'is empty: name the artifact')
    return this.#lineage.get(id)
  }

  async content(id: string, range: Range): Promise<Content> {
    const { offset, length } = range
    for (const [field, value] of Object.entries(range)) {
      if (value < 0) throw invalidField(field, `is ${value}: must be 0 or more`)
    }
    const artifact = await this.get(id)
    const document = await this.#documentOf(artifact)
    const blob = document === undefined ? await this.#store.blobs.stat(id) : undefined
    const size = document?.length ?? blob?.sizeBytes
    if (size === undefined) {
      throw new HoldfastError('NOT_FOUND', `Artifact ${id} has no bytes`, { reason: 'ARTIFACT_WITHOUT_BYTES' })
    }
    if (offset > size) {
      const text = `Artifact ${id} has ${size} bytes: there is nothing at ${offset}`
      throw new HoldfastError('OUT_OF_RANGE', text, { fields: [{ field: 'offset', description: `is beyond ${size}` }] })
    }
    const end = length === 0 ? size : Math.min(size, offset + length)
    const bytes =
      document === undefined ? this.#store.blobs.get(id, { start: offset, end }) : one(document.subarray(offset, end))
    return { artifact, length: end - offset, bytes }
  }

  lineage(id: string, depth: number): Promise<LineageTree> {
    if (id === '') throw invalidField('id', 'is empty: name an artifact, a job or a message')
    if (depth < 0 || depth > 50) throw invalidField('depth', `is ${depth}: 0 to 50`)
    return this.#lineage.tree(id, depth === 0 ? {} : { depth })
  }

  /** The output of a job is an artifact whose bytes are its JSON. `undefined`: this one is none. */
  async #documentOf({ id, jobId, role }: Artifact): Promise<Buffer | undefined> {
    if (jobId === undefined || id !== `${jobId}/${role}`) return undefined
    const { output } = await this.#jobs.get(jobId)
    return output === undefined ? undefined : Buffer.from(JSON.stringify(output))
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
