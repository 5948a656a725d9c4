import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, type Log, openDocumentStore } from '@holdfast/persistence'
import { LiveReply } from './live-reply.js'
import { ReplyWriter } from './reply-writer.js'
import type { ReplyEntry } from './shapes.js'

type Fault = 'unknown, committed' | 'unknown, not committed' | 'unavailable'

describe('the writer of a reply', () => {
  let store: DocumentStore
  let replies: Log<ReplyEntry>
  let count = 0
  before(async () => {
    store = await openDocumentStore('memory:')
    replies = store.log<ReplyEntry>('replies')
  })
  after(() => store.close())

  /** A writer on the real log, whose next appends fail in the given ways. */
  function writer(faults: Fault[], patienceMs = 10_000) {
    const replyId = `reply-${(count += 1)}`
    const lost: HoldfastError[] = []
    const live = new LiveReply(replyId)
    const append: Log<ReplyEntry>['append'] = async (stream, entries, options) => {
      const fault = faults.shift()
      if (fault === 'unavailable') throw new HoldfastError('UNAVAILABLE', 'no database')
      if (fault === 'unknown, not committed') throw new HoldfastError('UNKNOWN', 'cut')
      const appended = await replies.append(stream, entries, options)
      if (fault === 'unknown, committed') throw new HoldfastError('UNKNOWN', 'cut')
      return appended
    }
    const log: Log<ReplyEntry> = Object.assign(Object.create(replies) as Log<ReplyEntry>, {
      append,
      read: replies.read.bind(replies),
    })
    const onLost = (error: HoldfastError): void => void lost.push(error)
    const options = { log, conversationId: 'c', replyId, live, maxBytes: 1_000_000, patienceMs, onLost }
    return { replyId, live, lost, writer: new ReplyWriter(options) }
  }

  async function stored(replyId: string): Promise<string> {
    return (await replies.read(replyId)).map(({ data }) => (data.kind === 'text' ? data.text : '(end)')).join('')
  }

  it('stores every text once, whatever became of the commits', async () => {
    const faults: Fault[] = ['unknown, committed', 'unavailable', 'unknown, not committed', 'unknown, committed']
    const { writer: one, replyId, live, lost } = writer([...faults, ...faults])
    for (const word of ['a ', 'b ', 'c ', 'd ']) {
      one.write(word)
      await one.flushed()
    }
    assert.equal(await stored(replyId), 'a b c d ')
    assert.equal(live.text, 'a b c d ')
    assert.deepEqual(lost, [])
  })

  it('shows nothing to followers before it is durable', async () => {
    const { writer: one, live } = writer(['unavailable'])
    one.write('text')
    assert.equal(live.text, '')
    await one.flushed()
    assert.equal(live.text, 'text')
  })

  it('stops when another one has ended the reply, even if a commit of its own was in doubt', async () => {
    for (const faults of [[], ['unknown, not committed']] as Fault[][]) {
      const { writer: one, replyId, lost, live } = writer(faults)
      const reply = { id: replyId, replyTo: 1, status: 'interrupted' } as const
      const end = { kind: 'end', reply, before: [], after: [] } as const
      await replies.append(replyId, [{ data: end }], { ifNext: 1 })
      one.write('late')
      await assert.rejects(one.flushed(), { code: 'ABORTED', reason: 'TURN_LOST' })
      assert.throws(() => one.write('later'), { code: 'ABORTED', reason: 'TURN_LOST' })
      assert.equal(await stored(replyId), '(end)')
      assert.equal(lost.length, 1)
      assert.equal(live.text, '')
    }
  })

  it('stops when the stream was removed', async () => {
    const { writer: one, replyId } = writer([])
    one.write('a')
    await one.flushed()
    await replies.remove(replyId)
    one.write('b')
    await assert.rejects(one.flushed(), { code: 'FAILED_PRECONDITION', reason: 'CONVERSATION_DELETED' })
  })

  it('gives up when the database stays away for longer than it has patience', async () => {
    const { writer: one, lost } = writer(
      Array.from({ length: 100 }, () => 'unavailable'),
      50,
    )
    one.write('a')
    await assert.rejects(one.flushed(), { code: 'UNAVAILABLE', reason: 'REPLY_NOT_STORED' })
    assert.equal(lost.length, 1)
  })
})
