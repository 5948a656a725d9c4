import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { jobs } from '@holdfast/protocol'
import type { MediaCall, MediaServices, Medium } from './media-services.js'

type MediaClients = Pick<Clients, 'vision' | 'speechToText' | 'textToSpeech'>

// A long recording takes a while; the turn is renewed meanwhile.
const deadlineMs = 600_000
const longestText = 100_000

/** The services over gRPC. What a message is read for a second time, by another process after a crash, is the same job again.
 *  @param clients of the server that has them; asked for with the first call, since that may be the server that asks */
export function mediaOverGrpc(clients: () => Promise<MediaClients>): MediaServices {
  return {
    async describe(medium, call) {
      const { vision } = await clients()
      const options = optionsOf('describe', medium.hash, call)
      const { description, job } = await withMedium(medium, (picture) =>
        vision.describe({ picture, options }, { signal: call.signal, deadlineMs }),
      )
      return { text: description?.text ?? '', artifacts: (job?.job?.outputs ?? []).map(({ id }) => id) }
    },

    async transcribe(medium, call) {
      const { speechToText } = await clients()
      const options = optionsOf('transcribe', medium.hash, call)
      const { job } = await withMedium(medium, (audio) =>
        speechToText.transcribe({ audio, options }, { signal: call.signal, deadlineMs }),
      )
      return { text: job?.transcript?.text ?? '', artifacts: (job?.job?.outputs ?? []).map(({ id }) => id) }
    },

    async speak(text, { voice = '', speed = 0 }, call) {
      const { textToSpeech } = await clients()
      const value = text.slice(0, longestText).replace(/[\ud800-\udbff]$/, '')
      // The reply has no place yet: what it answers leads to it.
      const input = { source: { $case: 'text', value }, voice, speed, madeFromId: call.message } as const
      const options = optionsOf(`speak ${voice} ${speed}`, value, call)
      const { audio, contentType } = await textToSpeech.speak({ input, options }, { signal: call.signal, deadlineMs })
      return { audio, contentType }
    },
  }
}

/** By its hash, which is enough where the service works on the same store; with its bytes if that does not know it. */
async function withMedium<R>(medium: Medium, call: (media: Partial<jobs.Media>) => Promise<R>): Promise<R> {
  try {
    return await call({ source: { $case: 'artifactId', value: medium.hash } })
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND') throw error
    const value = Buffer.from(await medium.bytes())
    return call({ source: { $case: 'content', value }, contentType: medium.contentType })
  }
}

function optionsOf(doing: string, content: string, { message }: MediaCall): Partial<jobs.JobOptions> {
  const key = createHash('sha256')
    .update(JSON.stringify([doing, content, message]))
    .digest('hex')
  // Labels have at most 128 characters, the ids of conversations up to 200.
  const label = `message:${message}`
  return { key: `chat-${key}`, labels: label.length <= 128 ? [label] : [] }
}
