import { createHash } from 'node:crypto'
import type { Clients } from '@holdfast/grpc-clients'
import { access, dag } from '@holdfast/protocol'

/** In all that the tenant says. */
export const canary = 'quetzalcoatl-7391'

/** Ids of real things of one tenant. */
export interface Victim {
  readonly ids: Readonly<Record<string, string>>
  readonly bytes: Buffer
}

/** Has a tenant make one of everything that can be named. */
export async function makeVictim(clients: Clients): Promise<Victim> {
  const { chat, artifacts, textToSpeech, imageGeneration, speechToText, vision } = clients
  const { conversation } = await chat.createConversation({ userId: 'user-of-a', title: canary, key: 'made-by-a' })
  const conversationId = conversation?.id ?? ''
  const parts = [{ content: { $case: 'text', value: `My secret is ${canary}.` } } as const]
  await chat.sendMessage({ conversationId, parts, key: 'said-by-a' })
  let replyId = ''
  for await (const { event } of chat.streamChat({ conversationId, parts })) {
    if (event?.$case === 'started') replyId = event.value.replyId
  }
  await chat.patchState({ conversationId, mergePatchJson: JSON.stringify({ secret: canary }) })
  const bytes = Buffer.from(`bytes of ${canary}`)
  const { id: artifactId } = await artifacts.upload(bytes, { contentType: 'text/plain', name: `${canary}.txt` })
  const options = { key: 'job-of-a', labels: ['label-of-a'] }
  const jobs = await Promise.all([
    textToSpeech.submit({ input: { source: { $case: 'text', value: canary } }, options }),
    imageGeneration.submit({ spec: { prompt: canary }, options }),
    speechToText.submit({ audio: { source: { $case: 'artifactId', value: artifactId } }, options }),
    vision.submit({ picture: { source: { $case: 'artifactId', value: artifactId } }, tasks: [1], options }),
  ])
  const [speechJob = '', imageJob = '', hearingJob = '', visionJob = ''] = jobs.map(({ job }) => job?.job?.id ?? '')
  const graph = `name: graph-of-a\nnodes: [{ id: only, type: transform, with: { value: ${canary} } }]\n`
  const { graph: kept } = await clients.dag.createGraph({ graph })
  const { execution } = await clients.dag.executeGraph({
    graph: { $case: 'name', value: 'graph-of-a' },
    key: 'run-of-a',
  })
  const executionId = execution?.id ?? ''
  for await (const _ of clients.dag.streamExecution({ executionId }));
  const missed = dag.MissedPolicy.SKIP
  const schedule = { id: 'schedule-of-a', graph: 'graph-of-a', cron: '0 3 * * *', missed, paused: true }
  await clients.dag.putSchedule({ schedule })
  const { key } = await clients.access.createKey({ name: canary, role: access.AccessRole.READER })
  return {
    bytes,
    ids: {
      conversation_id: conversationId,
      reply_id: replyId,
      user_id: 'user-of-a',
      artifact_id: artifactId,
      job_id: speechJob,
      image_job: imageJob,
      hearing_job: hearingJob,
      vision_job: visionJob,
      id: `${conversationId}/1`,
      schedule_id: 'schedule-of-a',
      execution_id: executionId,
      graph: 'graph-of-a',
      name: 'graph-of-a',
      version: kept?.version ?? '',
      label: 'label-of-a',
      labels: 'label-of-a',
      key: 'job-of-a',
      message_key: 'said-by-a',
      key_id: key?.id ?? '',
      query: canary,
    },
  }
}

/** The same names as nobody has them, each of the form of the other. */
export function neverThere(ids: Victim['ids']): Victim['ids'] {
  const conversation = ids['conversation_id'] ?? ''
  // Ids of replies and messages have their conversation’s within them, and so do those of nobody.
  const made = (id: string): string => id.split(conversation).map(otherwise).join(otherwise(conversation))
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, made(id)]))
}

/** Letters and digits of the same kinds in the same places. */
function otherwise(id: string): string {
  const noise = createHash('sha512').update(`never ${id}`).digest()
  return Array.from(id)
    .map((letter, place) => {
      const byte = noise[place % noise.length] ?? 0
      if (/[0-9]/.test(letter)) return String(byte % 10)
      if (/[a-f]/.test(letter)) return 'abcdef'[byte % 6]
      if (/[g-z]/.test(letter)) return 'ghijklmnopqrstuvwxyz'[byte % 20]
      return /[A-Z]/.test(letter) ? 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[byte % 26] : letter
    })
    .join('')
}
