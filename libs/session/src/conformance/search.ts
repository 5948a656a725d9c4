import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SearchHit } from '../conversation-store.js'
import { type Stage, takeTurn, textsOf, unique, upTo, user } from './stage.js'

const texts = (hits: readonly SearchHit[]): string[] => textsOf(hits.map(({ message }) => message))

export function searchTests(stage: Stage): void {
  const ofUser = async (userId: string, ...contents: readonly string[]): Promise<string> => {
    const { id } = await stage.store.create({ userId })
    await stage.store.append(id, contents.map(user))
    return id
  }

  it("finds a user's messages by relevance, and nobody else's", async () => {
    const { store } = stage
    const [ada, eve] = [unique('ada'), unique('eve')]
    const trains = await ofUser(ada, 'I want a train to Paris', 'Which train is the fastest train?')
    await ofUser(ada, 'The weather is fine')
    await ofUser(eve, 'My train was late')
    const hits = await store.search(ada, 'train')
    assert.deepEqual(texts(hits), ['Which train is the fastest train?', 'I want a train to Paris'])
    assert(hits.every(({ conversationId, score }) => conversationId === trains && score > 0))
    assert.deepEqual(await store.search(ada, 'zeppelin'), [])
    assert.deepEqual(await store.search(unique(), 'train'), [])
    assert.equal((await store.search(ada, 'train', { limit: 1 })).length, 1)
    const exclude = [{ conversationId: trains, seq: 2 }]
    assert.deepEqual(texts(await store.search(ada, 'train', { exclude })), ['I want a train to Paris'])
  })

  it('finds what was just written, here or in another process', async () => {
    const userId = unique('user')
    const other = await stage.open()
    const id = await ofUser(userId, 'apples')
    assert.equal((await stage.store.search(userId, 'bananas')).length, 0)
    await other.append(id, [user('bananas')])
    assert.deepEqual(texts(await stage.store.search(userId, 'bananas')), ['bananas'])
    const turn = await takeTurn(other, id, { messages: [user('fruit?')] })
    turn.write('cherries')
    await turn.finish({ status: 'complete' })
    assert.deepEqual(texts(await stage.store.search(userId, 'cherries')), ['cherries'])
    assert.deepEqual(await stage.store.search(userId, 'cherries', { roles: ['user'] }), [])
  })

  it('never returns text that was edited, redacted or deleted', async () => {
    const { store } = stage
    const userId = unique('user')
    const other = await stage.open()
    const id = await ofUser(userId, 'secret one', 'secret two', 'secret three')
    const gone = await ofUser(userId, 'secret four')
    assert.equal((await store.search(userId, 'secret')).length, 4)
    await other.edit(id, 1, [{ type: 'text', text: 'harmless' }])
    await other.redact(id, 2)
    await other.delete(gone)
    assert.deepEqual(texts(await store.search(userId, 'secret')), ['secret three'])
    assert.deepEqual(texts(await store.search(userId, 'harmless')), ['harmless'])
  })

  it('finds a shared past once', async () => {
    const { store } = stage
    const userId = unique('user')
    const id = await ofUser(userId, 'a rare word: quokka')
    const fork = await store.fork(id)
    await store.append(fork.id, [user('quokka again')])
    assert.equal((await store.search(userId, 'quokka')).length, 2)
    await store.delete(id)
    assert.equal((await store.search(userId, 'rare')).length, 1)
  })

  it('holds no more than its bounds allow, the newest first', async () => {
    const store = await stage.open({ search: { users: 2, messagesPerUser: 20 } })
    const userId = unique('user')
    await ofUser(userId, ...upTo(30).map((n) => `number${n} word`))
    assert.equal((await store.search(userId, 'word', { limit: 100 })).length, 20)
    assert.equal((await store.search(userId, 'number29')).length, 1)
    assert.equal((await store.search(userId, 'number0')).length, 0)
    for (const _ of upTo(3)) assert.deepEqual(await store.search(unique(), 'word'), [])
    assert.equal((await store.search(userId, 'number29')).length, 1)
  })

  it('refuses what is no query', async () => {
    await assert.rejects(stage.store.search('u', JSON.parse('7') as string), { code: 'INVALID_ARGUMENT' })
    assert.deepEqual(await stage.store.search(unique(), ''), [])
  })
}
