import assert from 'node:assert/strict'
import { afterEach, beforeEach, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { ConversationStore, IndexingOptions, SearchReport } from '../conversation-store.js'
import { shapesOf } from '../shapes.js'
import { ConceptEmbedder } from './concept-embedder.js'
import { type Stage, textsOf, unique, until, upTo, user } from './stage.js'

const soon: IndexingOptions = { startAfterMs: 0, pollMs: 50, duty: 1 }

export function meaningTests(stage: Stage): void {
  let tenantId: string
  /** Knows nothing of meaning. */
  let plain: ConversationStore

  // Of each test its own, so that there is nothing else to index.
  beforeEach(async () => {
    tenantId = unique('t')
    plain = await stage.open({ tenantId })
  })

  afterEach(() => plain.close())

  const opened = (embedder: ConceptEmbedder, indexing: IndexingOptions | false = soon): Promise<ConversationStore> =>
    stage.open({ tenantId, search: { embedder, indexing, embedWaitMs: 5000 } })

  const ofUser = async (userId: string, ...texts: readonly string[]): Promise<string> => {
    const { id } = await plain.create({ userId })
    await plain.append(id, texts.map(user))
    return id
  }

  const texts = ({ hits }: SearchReport) => textsOf(hits.map(({ message }) => message))

  const whenIndexed = async (store: ConversationStore, userId: string): Promise<void> =>
    until(async () => (await store.searchReport(userId, 'anything')).unindexed === 0)

  const vectorsOf = async (conversationId: string) => {
    const { vectors } = shapesOf(stage.documents.tenant(tenantId))
    const found = await vectors.find({ conversationId }).toArray()
    return found.map(({ data }) => data.seq).sort((a, b) => a - b)
  }

  it('finds what means the same in other words, the own words first, and nobody else’s', async () => {
    await using store = await opened(new ConceptEmbedder())
    const [ada, bob] = [unique('ada'), unique('bob')]
    await ofUser(ada, 'My puppy is brown', 'The railway is late', 'Nothing of interest')
    await ofUser(bob, 'Our hound is old')
    await whenIndexed(store, ada)
    const report = await store.searchReport(ada, 'dog')
    assert.deepEqual([texts(report), report.meaning], [['My puppy is brown'], 'used'])
    assert.deepEqual(report.hits[0]?.by, ['meaning'])
    const both = await store.searchReport(ada, 'puppy or locomotive')
    assert.deepEqual(texts(both), ['My puppy is brown', 'The railway is late'])
    assert.deepEqual(both.hits[0]?.by, ['words', 'meaning'])
    const asked = await store.search(ada, 'xyz', { meaning: 'Which locomotive is it?' })
    assert.deepEqual(textsOf(asked.map(({ message }) => message)), ['The railway is late'])
    const conversationId = report.hits[0]?.conversationId ?? ''
    assert.deepEqual(await store.search(ada, 'dog', { exclude: [{ conversationId, seq: 1 }] }), [])
    assert.deepEqual(await store.search(ada, 'dog', { roles: ['assistant'] }), [])
  })

  it('says when words alone were compared, and why', async () => {
    const userId = unique('user')
    await ofUser(userId, 'My puppy is brown')
    assert.equal((await plain.searchReport(userId, 'dog')).meaning, 'off')
    const embedder = new ConceptEmbedder()
    await using store = await opened(embedder, false)
    const behind = await store.searchReport(userId, 'brown dog')
    assert.deepEqual([behind.meaning, behind.unindexed, texts(behind)], ['behind', 1, ['My puppy is brown']])
    assert.equal((await store.searchReport(userId, '!')).meaning, 'unread')
    embedder.failure = new HoldfastError('FAILED_PRECONDITION', 'not installed', { reason: 'MODEL_NOT_INSTALLED' })
    const failed = await store.searchReport(userId, 'brown')
    assert.deepEqual([failed.meaning, failed.failure?.reason], ['unavailable', 'MODEL_NOT_INSTALLED'])
    assert.deepEqual(texts(failed), ['My puppy is brown'])
    await using hasty = await stage.open({
      tenantId,
      search: { embedder: new Never(), indexing: false, embedWaitMs: 20 },
    })
    const late = await hasty.searchReport(userId, 'brown')
    assert.deepEqual([late.meaning, texts(late)], ['late', ['My puppy is brown']])
  })

  it('embeds each message once, whoever indexes, and goes on where the last one stopped', async () => {
    const userId = unique('user')
    const word = unique('w').replaceAll(/[^a-z]/g, '')
    const embedders = [new ConceptEmbedder(), new ConceptEmbedder(), new ConceptEmbedder()]
    const stores = await Promise.all(embedders.map((embedder) => opened(embedder)))
    const ids = await Promise.all(
      upTo(6).map((n) => ofUser(userId, ...upTo(150).map((m) => `${word} ${n} ${m} train`))),
    )
    const [first, second, third] = stores
    assert(first && second && third)
    // Whoever had begun is stopped in the middle.
    await until(async () => (await vectorsOf(ids[0] ?? '')).length > 0)
    await first.close()
    await whenIndexed(third, userId)
    for (const id of ids)
      assert.deepEqual(
        await vectorsOf(id),
        upTo(150).map((n) => n + 1),
      )
    await second.close()
    await ofUser(userId, `${word} locomotive, said later`)
    await whenIndexed(third, userId)
    await third.close()
    const again = new ConceptEmbedder()
    await using store = await opened(again)
    await whenIndexed(store, userId)
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(again.embedded.filter((text) => text.includes(word)).length, 0)
    assert.equal((await store.search(userId, 'railway', { limit: 100 })).length, 100)
  })

  it('replaces the vectors of edited messages, and removes those of redacted and deleted ones at once', async () => {
    const userId = unique('user')
    await using store = await opened(new ConceptEmbedder())
    const id = await ofUser(userId, 'My puppy', 'Your hound', 'Her hound')
    const gone = await ofUser(userId, 'Our hound')
    await whenIndexed(store, userId)
    assert.equal((await store.search(userId, 'dog')).length, 4)
    await plain.edit(id, 1, [{ type: 'text', text: 'My salary' }])
    await plain.redact(id, 2)
    await plain.delete(gone)
    assert.deepEqual(
      (await vectorsOf(id)).filter((seq) => seq === 2),
      [],
    )
    assert.deepEqual(await vectorsOf(gone), [])
    assert.deepEqual(texts(await store.searchReport(userId, 'dog')), ['Her hound'])
    await whenIndexed(store, userId)
    assert.deepEqual(texts(await store.searchReport(userId, 'wage')), ['My salary'])
    assert.deepEqual(await vectorsOf(id), [1, 3])
    await plain.eraseUser(userId)
    assert.deepEqual(await vectorsOf(id), [])
    assert.deepEqual(await store.search(userId, 'dog'), [])
  })

  it('brings nothing back when it embeds what is edited, redacted or deleted meanwhile', async () => {
    const userId = unique('user')
    const ids = await Promise.all([
      ofUser(userId, 'secret hound'),
      ofUser(userId, 'secret hound'),
      ofUser(userId, 'secret hound'),
    ])
    const [edited, redacted, deleted] = ids
    const embedder = new ConceptEmbedder()
    let done = false
    embedder.before = async (batch) => {
      if (done || !batch.includes('secret hound')) return
      done = true
      await plain.edit(edited, 1, [{ type: 'text', text: 'the sea' }])
      await plain.redact(redacted, 1)
      await plain.delete(deleted)
    }
    await using store = await opened(embedder)
    await until(async () => done && (await vectorsOf(edited)).length === 1)
    await whenIndexed(store, userId)
    assert.deepEqual([await vectorsOf(redacted), await vectorsOf(deleted)], [[], []])
    assert.deepEqual(await store.search(userId, 'dog'), [])
    assert.deepEqual(texts(await store.searchReport(userId, 'ocean')), ['the sea'])
  })

  it('indexes a shared past once, and with the branch when its owner is gone', async () => {
    const userId = unique('user')
    await using store = await opened(new ConceptEmbedder())
    const id = await ofUser(userId, 'My puppy')
    const fork = await plain.fork(id)
    await plain.append(fork.id, [user('A train')])
    await whenIndexed(store, userId)
    assert.deepEqual([await vectorsOf(id), await vectorsOf(fork.id)], [[1], [2]])
    await plain.delete(id)
    await whenIndexed(store, userId)
    assert.deepEqual(await vectorsOf(fork.id), [1, 2])
    assert.deepEqual(texts(await store.searchReport(userId, 'dog')), ['My puppy'])
  })

  it('forgets what retention deletes', async () => {
    const userId = unique('user')
    await using store = await opened(new ConceptEmbedder())
    const { id } = await store.create({ userId, retention: { maxMessages: 2 } })
    await store.append(id, ['dog', 'puppy', 'hound'].map(user))
    await whenIndexed(store, userId)
    await plain.applyRetention()
    assert.deepEqual(await vectorsOf(id), [2, 3])
    assert.equal((await store.search(userId, 'dog')).length, 2)
  })

  it('embeds anew with another version of the model, and lets the former vectors go', async () => {
    const userId = unique('user')
    const before = await opened(new ConceptEmbedder('1'))
    const id = await ofUser(userId, 'My puppy')
    await whenIndexed(before, userId)
    await before.close()
    const embedder = new ConceptEmbedder('2')
    await using store = await opened(embedder, { ...soon, retireAfterMs: 0 })
    await whenIndexed(store, userId)
    assert(embedder.embedded.includes('My puppy'))
    await until(async () => (await vectorsOf(id)).length === 1)
    assert.equal((await store.search(userId, 'dog')).length, 1)
    const { conversations } = shapesOf(stage.documents.tenant(tenantId))
    assert.equal(Object.keys((await conversations.get(id))?.data.indexed ?? {}).length, 1)
  })

  it('leaves out a text that the model cannot read, and goes on when the model comes back', async () => {
    const userId = unique('user')
    const embedder = new ConceptEmbedder()
    embedder.poison = 'poison'
    embedder.failure = new HoldfastError('UNAVAILABLE', 'The model is away')
    await using store = await opened(embedder)
    const id = await ofUser(userId, 'dog', 'poison dog', 'hound')
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual(await vectorsOf(id), [])
    embedder.failure = undefined
    await whenIndexed(store, userId)
    assert.deepEqual(await vectorsOf(id), [1, 3])
  })

  it('finds passages far within a long message', async () => {
    const userId = unique('user')
    await using store = await opened(new ConceptEmbedder())
    await ofUser(userId, `${'12345 67890 12345. '.repeat(100)} The railway!`, 'Something else')
    await whenIndexed(store, userId)
    const report = await store.searchReport(userId, 'locomotive')
    assert.equal(report.hits.length, 1)
    assert.match(texts(report)[0] ?? '', /railway/)
  })
}

class Never extends ConceptEmbedder {
  override embed(): Promise<never> {
    return new Promise(() => {})
  }
}
