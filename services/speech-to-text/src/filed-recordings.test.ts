import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Jobs, jobKind, openJobs, openLineage } from '@holdfast/jobs'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type ConversationStore, openConversationStore, textOf } from '@holdfast/session'
import { FiledRecordings, filingsCollection, recordingId } from './filed-recordings.js'
import { transcriptOf } from './transcript.js'

interface Said {
  readonly audio: string
  readonly texts: readonly string[]
  /** Until which moment it is being heard. */
  readonly until?: string
}

const gates = new Map<string, Promise<void>>()
const kind = jobKind({
  name: 'hears',
  cache: (input: Said) => input.texts,
  async run({ audio, texts, until = '' }: Said) {
    await gates.get(until)
    const segments = texts.map((text, n) => ({ startMs: n * 1_000, endMs: (n + 1) * 1_000, text }))
    return transcriptOf(segments, { language: 'en', durationMs: texts.length * 1_000, silenceMs: 0, audio })
  },
})

describe('recordings of users', () => {
  let store: DocumentStore
  let jobs: Jobs
  let conversations: ConversationStore
  const open = (pollMs = 20) => new FiledRecordings({ jobs, store, conversations, pollMs })
  before(async () => {
    store = await openDocumentStore('memory:')
    jobs = await openJobs(store, { kinds: [kind] })
    conversations = await openConversationStore(store)
  })
  after(async () => {
    await jobs.close()
    await conversations.close()
    await store.close()
  })

  async function heard(texts: readonly string[], more: Partial<Said> = {}) {
    const bytes = Buffer.from(texts.join())
    const { id: audio } = await openLineage(store).upload(bytes, { contentType: 'audio/wav', name: 'talk.wav' })
    const job = await jobs.submit(kind, { audio, texts, ...more }, { inputs: [audio] })
    return { audio, job }
  }

  async function filed(userId: string, query: string, least = 1) {
    for (let tries = 0; ; tries += 1) {
      const hits = await conversations.search(userId, query)
      if (hits.length >= least || tries === 100) return hits
      await delay(10)
    }
  }

  it('are found by what is said in them, by their users only, with the recording beside it', async () => {
    await using recordings = open()
    const { audio, job } = await heard(['The harbour froze in March.', 'Nobody sailed.'])
    await recordings.note(job, 'ada')
    const [hit] = await filed('ada', 'frozen harbour')
    assert(hit)
    assert.equal(hit.conversationId, recordingId(audio, 'ada'))
    assert.equal(textOf(hit.message), 'The harbour froze in March. Nobody sailed.')
    assert.deepEqual(
      hit.message.parts.map((part) => ('hash' in part ? [part.type, part.hash, part.name] : [part.type])),
      [['audio', audio, 'talk.wav'], ['text']],
    )
    assert.deepEqual(await conversations.search('bob', 'frozen harbour'), [])
    const { title, tags } = await conversations.get(hit.conversationId)
    assert.match(title, /^Recording talk\.wav, \d{4}-\d\d-\d\d$/)
    assert.deepEqual(tags, ['recording'])
  })

  it('are filed once, also when the transcript is there already, and for each user who has them', async () => {
    await using recordings = open()
    const texts = ['The lighthouse was painted green.']
    for (const userId of ['cy', 'cy', 'di']) {
      const { job } = await heard(texts)
      await jobs.wait(job.id)
      await recordings.note(job, userId)
    }
    await filed('di', 'lighthouse')
    await recordings.close()
    assert.equal(await store.collection(filingsCollection).count({}), 0)
    for (const userId of ['cy', 'di']) assert.equal((await conversations.search(userId, 'lighthouse')).length, 1)
  })

  it('are messages of a length that can be read and compared, whole segments together', async () => {
    await using recordings = open()
    const texts = Array.from(
      { length: 100 },
      (_, n) => `Sentence ${n} is about ${n % 2 === 0 ? 'whales' : 'gulls'}${'.'.repeat(60)}`,
    )
    const { audio, job } = await heard(texts)
    await recordings.note(job, 'eve')
    await filed('eve', 'whales', 3)
    const messages = await conversations.messages(recordingId(audio, 'eve'))
    assert.ok(messages.length >= 3)
    assert.ok(messages.every((message) => textOf(message).length <= 3_200))
    assert.equal(messages.map(textOf).join(' '), texts.join(' '))
  })

  it('are filed by another process where that which took them in is gone', async () => {
    let ready = (): void => undefined
    gates.set('later', new Promise((resolve) => (ready = resolve)))
    const first = open()
    const { job } = await heard(['The ferry leaves at nine.'], { until: 'later' })
    await first.note(job, 'flo')
    await first.close()
    assert.deepEqual(await conversations.search('flo', 'ferry'), [])
    ready()
    await jobs.wait(job.id)
    // It would be looked at after half a minute.
    await store.collection(filingsCollection).updateOne(`${job.id}/flo`, { $set: { readyAt: 0 } })
    await using _other = open()
    assert.equal((await filed('flo', 'ferry')).length, 1)
  })

  it('that were deleted do not come back', async () => {
    await using recordings = open()
    const texts = ['The password is swordfish.']
    const { audio, job } = await heard(texts)
    await recordings.note(job, 'gil')
    assert.equal((await filed('gil', 'swordfish')).length, 1)
    await conversations.delete(recordingId(audio, 'gil'))
    await recordings.note((await heard(texts)).job, 'gil')
    await recordings.close()
    assert.deepEqual(await conversations.search('gil', 'swordfish'), [])
    assert.equal(await store.collection(filingsCollection).count({}), 0)
  })
})
