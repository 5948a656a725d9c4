import { invalidField } from '@holdfast/errors'
import { type Jobs, type Lineage, type LineageNode, lineageOfTenant, openLineage } from '@holdfast/jobs'
import { artifactToWire, jobToWire } from '@holdfast/job-service'
import type { DocumentStore } from '@holdfast/persistence'
import { artifacts as wire } from '@holdfast/protocol'
import { type GrpcService, defineService } from '@holdfast/server'
import { Artifacts } from './artifacts.js'

export interface ArtifactServiceOptions {
  readonly store: DocumentStore
  readonly jobs: Pick<Jobs, 'get'>
  /** Whose artifacts; default: the store's own tenant. `jobs` has to be of the same. */
  readonly tenant?: string
  /** Default: that of the store. */
  readonly lineage?: Lineage
  /** Default 1 GiB. */
  readonly maxUploadBytes?: number
}

export interface ArtifactService {
  readonly service: GrpcService
}

/** Serves holdfast.artifacts.v1.ArtifactService. */
export function createArtifactService(options: ArtifactServiceOptions): ArtifactService {
  const { store, jobs, tenant, lineage = openLineage(store), maxUploadBytes = 2 ** 30 } = options
  const artifacts =
    tenant === undefined
      ? new Artifacts(store, jobs, lineage, maxUploadBytes)
      : new Artifacts(store.tenant(tenant), jobs, lineageOfTenant(lineage, tenant), maxUploadBytes)
  return {
    service: defineService(wire.ArtifactServiceService, {
      async upload(requests, context) {
        const iterator = requests[Symbol.asyncIterator]()
        const first = await iterator.next()
        const part = first.done === true ? undefined : first.value.part
        if (part?.$case !== 'header') throw invalidField('header', 'must come first')
        const artifact = await artifacts.upload(part.value, chunksOf(iterator), context.signal)
        context.annotate({ artifactId: artifact.id })
        return { artifact: artifactToWire(artifact) }
      },

      async *download({ artifactId, offset, length }, context) {
        context.annotate({ artifactId })
        const content = await artifacts.content(artifactId, { offset, length })
        const artifact = artifactToWire(content.artifact)
        yield { part: { $case: 'header', value: { artifact, length: content.length } } }
        for await (const bytes of content.bytes) {
          for (let at = 0; at < bytes.length; at += chunkBytes) {
            yield { part: { $case: 'chunk', value: Buffer.from(bytes.subarray(at, at + chunkBytes)) } }
          }
        }
      },

      async getArtifact({ artifactId }, context) {
        context.annotate({ artifactId })
        return { artifact: artifactToWire(await artifacts.get(artifactId)) }
      },

      async getLineage({ id, depth }, context) {
        context.annotate({ artifactId: id })
        const { node, madeFrom, madeInto } = await artifacts.lineage(id, depth)
        return { node: nodeToWire(node), madeFrom: madeFrom.map(nodeToWire), madeInto: madeInto.map(nodeToWire) }
      },
    }),
  }
}

const chunkBytes = 256 * 1024

async function* chunksOf(iterator: AsyncIterator<wire.UploadRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
      const { part } = step.value
      if (part?.$case !== 'chunk') throw invalidField('chunk', 'must be all that follows the header')
      if (part.value.length > 0) yield part.value
    }
  } finally {
    await iterator.return?.()
  }
}

function nodeToWire(node: LineageNode): wire.LineageNode {
  return { id: node.id, subject: subjectOf(node), nodes: node.nodes.map(nodeToWire), isCut: node.isCut }
}

/** A message that was made from artifacts is an artifact as well. */
function subjectOf({ artifact, message, job }: LineageNode): wire.LineageNode['subject'] {
  if (message !== undefined) return { $case: 'message', value: { ...message } }
  if (artifact !== undefined) return { $case: 'artifact', value: artifactToWire(artifact) }
  return job === undefined ? undefined : { $case: 'job', value: jobToWire(job) }
}
