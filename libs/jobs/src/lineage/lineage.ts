import { HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentStore, TenantStore } from '@holdfast/persistence'
import { toJob } from '../record.js'
import { defaultTenant, jobsIn } from '../tables.js'
import { type Artifact, toArtifact } from './artifact.js'
import { ensureInputs, messageOf } from './inputs.js'
import { artifactsCollection, artifactsIn, isHash, recordArtifacts } from './record-artifacts.js'
import { type LineageNode, readTree } from './tree.js'

export interface LineageOptions {
  /** Default `default`. */
  readonly tenant?: string
}

export interface UploadOptions extends LineageOptions {
  /** Default `application/octet-stream`. */
  readonly contentType?: string
  /** File name, without folders. */
  readonly name?: string
  readonly signal?: AbortSignal
}

export interface ArtifactListOptions extends LineageOptions {
  readonly role: string
  /** 1 to 1,000; default 100. */
  readonly limit?: number
  /** From the page before. */
  readonly cursor?: string
}

export interface ArtifactPage {
  readonly items: readonly Artifact[]
  /** Pass as `cursor` for the next page; absent on the last one. */
  readonly next?: string
}

export interface TreeOptions extends LineageOptions {
  /** How many steps to go, each way; default 10, at most 50. */
  readonly depth?: number
}

export interface LineageTree {
  /** What was asked for, without neighbours. */
  readonly node: LineageNode
  /** What it was made from, each with what that was made from in turn. */
  readonly madeFrom: readonly LineageNode[]
  /** What was made from it, likewise. */
  readonly madeInto: readonly LineageNode[]
}

/** Which input made which output. Jobs record it when they end; what comes from outside, and messages, are recorded here. */
export interface Lineage {
  /** Stores bytes from outside and makes an artifact of them, which keeps them. The same bytes are the same artifact. */
  upload(content: Uint8Array | AsyncIterable<Uint8Array>, options?: UploadOptions): Promise<Artifact>
  /** Says that a message (`CONVERSATION/SEQ`), or anything else with an id of its own, was made from artifacts. */
  derive(
    id: string,
    inputs: readonly string[],
    options?: LineageOptions & { readonly role?: string },
  ): Promise<Artifact>
  /** @throws NOT_FOUND */
  get(id: string, options?: LineageOptions): Promise<Artifact>
  /** Newest first. */
  list(options: ArtifactListOptions): Promise<ArtifactPage>
  /** Of an artifact, a message or a job. @throws NOT_FOUND if nothing is known of it */
  tree(id: string, options?: TreeOptions): Promise<LineageTree>
  /** Deletes an artifact; its bytes are collected unless something else needs them. What was made from it keeps its id.
   *  @returns whether there was one */
  remove(id: string, options?: LineageOptions): Promise<boolean>
}

export function openLineage(store: DocumentStore): Lineage {
  return new StoredLineage(store)
}

class StoredLineage implements Lineage {
  readonly #store: DocumentStore

  constructor(store: DocumentStore) {
    this.#store = store
  }

  async upload(content: Uint8Array | AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<Artifact> {
    const { contentType = 'application/octet-stream', name, signal } = options
    const scope = this.#of(options)
    const blob = await scope.blobs.put(content, { contentType, ...(signal === undefined ? {} : { signal }) })
    const artifact: Artifact = {
      id: blob.hash,
      role: 'upload',
      contentType,
      sizeBytes: blob.sizeBytes,
      ...(name === undefined ? {} : { name }),
      createdAt: await this.#store.now(),
      inputs: [],
    }
    await scope.transaction((tx) => recordArtifacts(tx, [artifact]))
    return this.get(blob.hash, options)
  }

  async derive(
    id: string,
    inputs: readonly string[],
    options: LineageOptions & { readonly role?: string } = {},
  ): Promise<Artifact> {
    if (isHash(id)) throw invalidField('id', 'must not be a hash: bytes get their lineage from the job that made them')
    const scope = this.#of(options)
    const createdAt = await this.#store.now()
    await ensureInputs(scope, inputs, createdAt.getTime())
    const { role = 'message' } = options
    const artifact: Artifact = { id, role, contentType: 'text/plain', sizeBytes: 0, createdAt, inputs }
    await scope.transaction((tx) => recordArtifacts(tx, [artifact]))
    return this.get(id, options)
  }

  async get(id: string, options: LineageOptions = {}): Promise<Artifact> {
    const document = await artifactsIn(this.#of(options)).get(id)
    if (document === undefined) throw artifactNotFound(id)
    return toArtifact(id, document.data)
  }

  async list(options: ArtifactListOptions): Promise<ArtifactPage> {
    const { role, limit = 100, cursor } = options
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
      throw invalidField('limit', 'must be an integer from 1 to 1000')
    }
    const after = cursor === undefined ? {} : { after: cursor }
    const page = await artifactsIn(this.#of(options))
      .find({ role }, { sort: { role: -1, at: -1 }, limit, ...after })
      .page()
    const items = page.items.map(({ id, data }) => toArtifact(id, data))
    return page.next === undefined ? { items } : { items, next: page.next }
  }

  async tree(id: string, options: TreeOptions = {}): Promise<LineageTree> {
    const { depth = 10 } = options
    if (!Number.isSafeInteger(depth) || depth < 0 || depth > 50) {
      throw invalidField('depth', 'must be an integer from 0 to 50')
    }
    const scope = this.#of(options)
    const [artifact, document] = await Promise.all([artifactsIn(scope).get(id), jobsIn(scope).get(id)])
    const job = document === undefined ? undefined : toJob(scope.tenantId, document)
    const message = messageOf(id)
    if (artifact === undefined && job === undefined && message === undefined) throw artifactNotFound(id)
    const inputs = artifact?.data.inputs ?? job?.inputs ?? []
    const outputs = job?.outputs.map((output) => output.id)
    const collection = artifactsIn(scope)
    const [madeFrom, madeInto] = await Promise.all([
      readTree(collection, id, 'from', depth, inputs),
      readTree(collection, id, 'into', depth, outputs),
    ])
    if (artifact === undefined && job === undefined && madeInto.length === 0) throw artifactNotFound(id)
    const node: LineageNode = {
      id,
      ...(artifact === undefined ? {} : { artifact: toArtifact(id, artifact.data) }),
      ...(message === undefined ? {} : { message }),
      ...(job === undefined ? {} : { job }),
      nodes: [],
      isCut: false,
    }
    return { node, madeFrom, madeInto }
  }

  async remove(id: string, options: LineageOptions = {}): Promise<boolean> {
    return this.#of(options).transaction(async (tx) => {
      await tx.blobs.unlinkAll({ collection: artifactsCollection, id })
      return artifactsIn(tx).deleteOne(id)
    })
  }

  #of({ tenant = defaultTenant }: LineageOptions): TenantStore {
    return tenant === defaultTenant ? this.#store : this.#store.tenant(tenant)
  }
}

function artifactNotFound(id: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no artifact ${id}: upload it, or ask for what a job made`, {
    reason: 'ARTIFACT_NOT_FOUND',
  })
}
