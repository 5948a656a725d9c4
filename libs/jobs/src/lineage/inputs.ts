import { HoldfastError } from '@holdfast/errors'
import type { TenantStore } from '@holdfast/persistence'
import { artifactsIn, isHash, recordArtifacts } from './record-artifacts.js'

/** A message of a conversation: the conversation's id and the message's number there. */
const message = /^([^/]{1,400})\/([1-9]\d{0,15})$/

export function messageOf(id: string): { readonly conversationId: string; readonly seq: number } | undefined {
  const [, conversationId, seq] = message.exec(id) ?? []
  return conversationId === undefined ? undefined : { conversationId, seq: Number(seq) }
}

/** Makes artifacts of blobs that are none yet, so that they are kept for as long as anybody may ask what they became.
 *  @throws NOT_FOUND naming the input that there is not */
export async function ensureInputs(scope: TenantStore, inputs: readonly string[], now: number): Promise<void> {
  if (inputs.length === 0) return
  const known = await artifactsIn(scope).getMany(inputs)
  for (const [index, id] of inputs.entries()) {
    if (known[index] !== undefined) continue
    const blob = isHash(id) ? await scope.blobs.stat(id) : undefined
    if (blob === undefined && messageOf(id) !== undefined) continue
    if (blob === undefined) {
      throw new HoldfastError('NOT_FOUND', `inputs[${index}]: there is no artifact ${id}: upload it first`, {
        reason: 'ARTIFACT_NOT_FOUND',
        fields: [{ field: `inputs[${index}]`, description: 'is no artifact' }],
      })
    }
    const { contentType, sizeBytes } = blob
    const artifact = { id, role: 'upload', contentType, sizeBytes, createdAt: new Date(now), inputs: [] }
    await scope.transaction((tx) => recordArtifacts(tx, [artifact]))
  }
}
