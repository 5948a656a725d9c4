import { setTimeout as wait } from 'node:timers/promises'
import type { UIMessageChunk } from 'ai'
import { openDocumentStore } from '@holdfast/persistence'
import { HoldfastChats } from './holdfast-chats.js'

/** Records a reply without an end, and prints how many of its words are durable, until it is killed. */
const [url, chatId = ''] = process.argv.slice(2)
const store = await openDocumentStore(url)
const chats = new HoldfastChats({ store, leaseMs: 1_000 })

async function* endless(): AsyncGenerator<UIMessageChunk> {
  yield { type: 'start', messageId: 'm' }
  yield { type: 'text-start', id: 't' }
  for (let n = 1; ; n += 1) {
    yield { type: 'text-delta', id: 't', delta: `word${n} ` }
    await wait(1)
  }
}

let durable = 0
for await (const chunk of chats.record(chatId, ReadableStream.from(endless()))) {
  if (chunk.type !== 'text-delta') continue
  durable += 1
  console.log(durable)
}
