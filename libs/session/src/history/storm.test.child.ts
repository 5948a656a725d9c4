import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { openConversationStore } from '../open-conversation-store.js'
import { textOf } from '../message.js'
import type { Floor, StormReport } from './storm.test.support.js'

/** One of two processes that append to one conversation, edit a message each, rename it, and read it all the time. What one has done it tells the
 *  other, and whoever knows of a change and begins to read then has to see it, or something newer. */
const [url, redis, id = '', name = '', durationMs = ''] = process.argv.slice(2)
await using documents = await openDocumentStore(url)
const store = await openConversationStore(documents, {
  maintenanceIntervalMs: 0,
  cache: { redis: redis ?? '', trustMs: 100, messages: 10, bytes: 4096 },
})
const own = name === 'a' ? 0 : 1
const floor: Floor = { last: 2, edits: [0, 0], title: 0 }
const report: StormReport = { appends: 0, edits: 0, reads: 0, violations: [] }
/** What this process was acknowledged. What it only read may be of a write under way, which the other need not see yet. */
const acknowledged: Floor = { last: 2, edits: [0, 0], title: 0 }
const raise = (one: Floor, to: Partial<Floor>): void => {
  one.last = Math.max(one.last, to.last ?? 0)
  one.title = Math.max(one.title, to.title ?? 0)
  const [first, second] = to.edits ?? [0, 0]
  one.edits = [Math.max(one.edits[0], first), Math.max(one.edits[1], second)]
}
const acknowledge = (what: Partial<Floor>): void => {
  raise(floor, what)
  raise(acknowledged, what)
  process.send?.({ floor: acknowledged })
}
process.on('message', (to: Floor) => raise(floor, to))
const until = performance.now() + Number(durationMs)
const goesOn = (): boolean => performance.now() < until

async function append(writer: number): Promise<void> {
  for (let n = 0; goesOn(); n += 1) {
    const key = `${name}-${writer}-${n}`
    const [message] = await store.append(id, [{ key, role: 'user', parts: [{ type: 'text', text: key }] }])
    report.appends += 1
    acknowledge({ last: message?.seq ?? 0 })
    await delay(Math.random() * 12)
  }
}

async function edit(): Promise<void> {
  for (let n = 1; goesOn(); n += 1) {
    await store.edit(id, own + 1, [{ type: 'text', text: `edit ${n}` }])
    acknowledge({ edits: own === 0 ? [n, 0] : [0, n] })
    report.edits += 1
    if (own === 0) {
      await store.update(id, { title: `${n}` })
      acknowledge({ title: n })
    }
    await delay(Math.random() * 25)
  }
}

async function read(): Promise<void> {
  while (goesOn()) {
    const before: Floor = { ...floor, edits: [...floor.edits] }
    const last = 1 + Math.floor(Math.random() * 12)
    const { conversation, messages } = await store.history(id, { last })
    report.reads += 1
    const seqs = messages.map(({ seq }) => seq)
    const end = conversation.lastSeq
    const check = (holds: boolean, what: string): void => {
      if (!holds) report.violations.push(`${what}: ${JSON.stringify({ before, end, seqs, title: conversation.title })}`)
    }
    check(end >= before.last, 'a message is missing')
    check(Number(conversation.title) >= before.title, 'an older title')
    check(seqs.length === Math.min(last, end) && seqs.every((seq, at) => seq === end - seqs.length + 1 + at), 'a gap')
    const edits: [number, number] = [0, 0]
    for (const message of messages) {
      if (message.seq <= 2) edits[message.seq - 1] = Number(textOf(message).replace('edit ', ''))
      else check(textOf(message) === message.id, 'another text')
    }
    for (const which of [0, 1] as const) {
      const isThere = seqs.includes(which + 1)
      check(!isThere || edits[which] >= before.edits[which], 'an older text')
    }
    raise(floor, { last: end, title: Number(conversation.title), edits })
    await delay(Math.random() * 2)
  }
}

await Promise.all([append(1), append(2), edit(), read(), read(), read()])
process.send?.({ report })
await store.close()
process.disconnect()
