import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Metadata, credentials } from '@grpc/grpc-js'
import { ChatServiceClient, GetConversationRequest, SendMessageRequest } from '@holdfast/protocol'
import { type Operation, compare, rounded } from '../rounds.js'
import type { GatewayWorld } from './world.js'

const concurrency = 32

interface Served {
  readonly open: string
  readonly keys: string
  readonly key: string
  readonly jwt: string
  readonly token: string
}

/** Time of a call with a credential over the time without, of the cheapest read and of a write, both from memory: where a call does more, less is seen
 *  of it. */
export async function authOverhead({ rounds, ms, metric, note }: GatewayWorld): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('auth-server.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const served = JSON.parse(line) as Served
    const open = new Caller(served.open)
    const sides = [
      ['auth_overhead', new Caller(served.keys, served.key)],
      ['auth_overhead_jwt', new Caller(served.jwt, served.token)],
    ] as const
    for (let n = 0; n < concurrency; n += 1) await open.create(`bench-${n}`)
    for (const [name, side] of sides) {
      const read = await compare(side.read, open.read, { concurrency, rounds, ms })
      const write = await compare(side.write, open.write, { concurrency, rounds, ms })
      // A busy client asks and writes: the mean of both, and each by itself.
      metric(name, rounded((1 / read.ratio + 1 / write.ratio) / 2))
      metric(`${name}_read`, rounded(1 / read.ratio))
      metric(`${name}_write`, rounded(1 / write.ratio))
      note(
        `${name}: reads ${Math.round(read.subjectPerSecond)}/s, without ${Math.round(read.baselinePerSecond)}/s; ` +
          `writes ${Math.round(write.subjectPerSecond)}/s, without ${Math.round(write.baselinePerSecond)}/s`,
      )
      side.close()
    }
    open.close()
  } finally {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}

class Caller {
  readonly #client: ChatServiceClient
  readonly #metadata = new Metadata()
  #sent = 0

  constructor(address: string, credential?: string) {
    this.#client = new ChatServiceClient(address, credentials.createInsecure())
    if (credential !== undefined) this.#metadata.set('authorization', `Bearer ${credential}`)
  }

  readonly read: Operation = (worker) => {
    const request = GetConversationRequest.fromPartial({ conversationId: `bench-${worker}` })
    return new Promise((resolve, reject) => {
      this.#client.getConversation(request, this.#metadata, (error, answer) =>
        error ? reject(error) : resolve(answer),
      )
    })
  }

  readonly write: Operation = (worker) => {
    this.#sent += 1
    const parts = [{ content: { $case: 'text', value: `I want to make a reservation for ${this.#sent}.` } } as const]
    const request = SendMessageRequest.fromPartial({ conversationId: `bench-${worker}`, parts })
    return new Promise((resolve, reject) => {
      this.#client.sendMessage(request, this.#metadata, (error, answer) => (error ? reject(error) : resolve(answer)))
    })
  }

  create(conversationId: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = { conversationId, userId: '', title: '', metadata: new Map(), key: '', tags: [] }
      this.#client.createConversation(request, (error, answer) => (error ? reject(error) : resolve(answer)))
    })
  }

  close(): void {
    this.#client.close()
  }
}
