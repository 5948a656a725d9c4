import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, unique, until, upTo, user } from './stage.js'

export function conversationTests(stage: Stage): void {
  it('creates with defaults, and reads back what it created', async () => {
    const { store } = stage
    const made = await store.create({ userId: 'ada', title: 'Trains', metadata: { topic: 'travel' } })
    assert.equal(made.version, 1)
    assert.equal(made.lastSeq, 0)
    assert.equal(made.parent, undefined)
    assert.deepEqual(await store.get(made.id), made)
    const empty = await store.create()
    assert.deepEqual([empty.userId, empty.title, empty.metadata], ['', '', {}])
  })

  it('creates once for an id, or for a key, however often it is asked', async () => {
    const { store } = stage
    const id = unique()
    const calls = await Promise.all(upTo(8).map(() => store.create({ id, userId: 'ada', title: 'one' })))
    assert(calls.every((made) => made.id === id && made.version === 1))
    await assert.rejects(store.create({ id, userId: 'eve', title: 'one' }), { code: 'ALREADY_EXISTS' })
    assert.equal((await store.get(id)).userId, 'ada')
    const key = unique('key')
    const [first, second] = [await store.create({ key, title: 'two' }), await store.create({ key, title: 'two' })]
    assert.deepEqual(second, first)
    await assert.rejects(store.create({ key, title: 'three' }), { code: 'ALREADY_EXISTS' })
  })

  it('stays idempotent after the conversation was changed', async () => {
    const { store } = stage
    const id = unique()
    await store.create({ id, title: 'before' })
    await store.update(id, { title: 'after' })
    assert.equal((await store.create({ id, title: 'before' })).title, 'after')
  })

  it('keeps metadata keys such as __proto__ as they are', async () => {
    const { store } = stage
    const metadata = JSON.parse('{"__proto__":"a","constructor":"b","nul\\u0000":"c\\u0000\\ud800"}') as Record<
      string,
      string
    >
    const { id } = await store.create({ metadata })
    assert.deepEqual(new Map(Object.entries((await store.get(id)).metadata)), new Map(Object.entries(metadata)))
  })

  it('refuses bad input and names the field', async () => {
    const { store } = stage
    const bad: [object, string][] = [
      [{ id: '' }, 'id'],
      [{ id: 'a/b' }, 'id'],
      [{ id: 'a b' }, 'id'],
      [{ id: 'a\u0000' }, 'id'],
      [{ id: 'a\u202eb' }, 'id'],
      [{ id: 'x'.repeat(201) }, 'id'],
      [{ id: 7 }, 'id'],
      [{ key: '' }, 'key'],
      [{ userId: '\ud800' }, 'userId'],
      [{ title: 'x'.repeat(1001) }, 'title'],
      [{ metadata: { a: 1 } }, 'metadata["a"]'],
      [{ metadata: [] }, 'metadata'],
      [{ metadata: { a: 'x'.repeat(4097) } }, 'metadata["a"]'],
      [{ metadata: Object.fromEntries(upTo(65).map((n) => [`k${n}`, ''])) }, 'metadata'],
      [{ metadata: { ['x'.repeat(129)]: '' } }, 'metadata key'],
    ]
    for (const [input, field] of bad) {
      await assert.rejects(store.create(input), (error: { code: string; fields: { field: string }[] }) => {
        assert.equal(error.code, 'INVALID_ARGUMENT', JSON.stringify(input).slice(0, 80))
        assert.equal(error.fields[0]?.field, field)
        return true
      })
    }
  })

  it('answers NOT_FOUND for what is not there', async () => {
    const { store } = stage
    const id = unique()
    const missing = { code: 'NOT_FOUND' }
    await assert.rejects(store.get(id), missing)
    await assert.rejects(store.append(id, [user('hi')]), missing)
    await assert.rejects(store.messages(id), missing)
    await assert.rejects(store.message(id, 1), missing)
    await assert.rejects(store.update(id, { title: 'x' }), missing)
    await assert.rejects(store.delete(id), missing)
    await assert.rejects(store.fork(id), missing)
    await assert.rejects(store.state(id), missing)
    await assert.rejects(store.patchState(id, { a: 1 }), missing)
    await assert.rejects(store.edit(id, 1, [{ type: 'text', text: 'x' }]), missing)
    await assert.rejects(store.redact(id, 1), missing)
    await assert.rejects(store.beginTurn(id, { messages: [user('hi')] }), missing)
    await assert.rejects(store.beginTurn(id, { replyTo: 1 }), missing)
    await assert.rejects(store.subscribe(id)[Symbol.asyncIterator]().next(), missing)
    await assert.rejects(store.followReply(`${id}.1.1`)[Symbol.asyncIterator]().next(), missing)
    await assert.rejects(store.replyState('nonsense'), missing)
  })

  it('changes title and metadata, and raises the version by that alone', async () => {
    const { store } = stage
    const { id } = await store.create({ title: 'a', metadata: { x: '1', y: '2' } })
    await store.append(id, [user('hello')])
    await store.patchState(id, { a: 1 })
    assert.equal((await store.get(id)).version, 1)
    const renamed = await store.update(id, { title: 'b' }, { ifVersion: 1 })
    assert.deepEqual([renamed.title, renamed.metadata, renamed.version], ['b', { x: '1', y: '2' }, 2])
    const relabelled = await store.update(id, { metadata: { z: '3' } })
    assert.deepEqual([relabelled.title, relabelled.metadata, relabelled.version], ['b', { z: '3' }, 3])
    await assert.rejects(store.update(id, { title: 'c' }, { ifVersion: 2 }), { code: 'ABORTED' })
    await assert.rejects(store.update(id, {}), { code: 'INVALID_ARGUMENT' })
    assert.equal((await store.get(id)).title, 'b')
  })

  it('lets every one of many concurrent updates take effect', async () => {
    const { store } = stage
    const { id } = await store.create()
    await Promise.all(upTo(10).map((n) => store.update(id, { title: `t${n}` })))
    assert.equal((await store.get(id)).version, 11)
    const tries = await Promise.allSettled(upTo(10).map((n) => store.update(id, { title: `u${n}` }, { ifVersion: 11 })))
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  it("lists a user's conversations, newest activity first, in pages", async () => {
    const { store } = stage
    const userId = unique('user')
    const ids: string[] = []
    for (const n of upTo(7)) {
      const { id, lastActivityAt } = await store.create({ userId, title: `c${n}` })
      ids.push(id)
      // Of the same millisecond, the order is that of the ids; and a process's idea of the database's time is late by up to 5 ms.
      await until(async () => (await stage.documents.now()).getTime() > lastActivityAt.getTime() + 10)
    }
    await store.create({ userId: unique('user') })
    const [, second = ''] = ids
    await store.append(second, [user('hello')])
    const expected = [second, ...ids.filter((id) => id !== second).toReversed()]
    const whole = await store.list({ userId })
    assert.deepEqual(
      whole.items.map(({ id }) => id),
      expected,
    )
    assert.equal(whole.next, undefined)
    assert.equal(whole.items[0]?.lastSeq, 1)
    const paged: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.list({ userId, limit: 3, ...(cursor === undefined ? {} : { cursor }) })
      paged.push(...page.items.map(({ id }) => id))
      cursor = page.next
    } while (cursor !== undefined)
    assert.deepEqual(paged, expected)
  })

  it('refuses cursors from elsewhere', async () => {
    const { store } = stage
    const userId = unique('user')
    for (const _ of upTo(3)) await store.create({ userId })
    const { next: cursor = '' } = await store.list({ userId, limit: 1 })
    const refused = { code: 'INVALID_ARGUMENT' }
    await assert.rejects(store.list({ userId: 'other', cursor }), refused)
    await assert.rejects(store.list({ cursor }), refused)
    for (const text of ['', 'garbage', `x${cursor}`, cursor.slice(1), cursor.replace('.', '')]) {
      await assert.rejects(store.list({ userId, cursor: text }), refused)
    }
    await assert.rejects(store.list({ limit: 0 }), refused)
    await assert.rejects(store.list({ limit: 1.5 }), refused)
  })

  it('writes activity times behind the messages, for other processes to list by', async () => {
    const { store } = stage
    const userId = unique('user')
    const first = await store.create({ userId })
    const second = await store.create({ userId })
    await until(async () => (await stage.documents.now()).getTime() > second.lastActivityAt.getTime() + 10)
    const writer = await stage.open()
    await writer.append(first.id, [user('hello')])
    await writer.close()
    const { items } = await store.list({ userId })
    assert.equal(items[0]?.id, first.id)
    assert(items[0].lastActivityAt > first.lastActivityAt)
  })

  it('deletes for good: nothing is left, and nothing that comes later brings it back', async () => {
    const { store, documents } = stage
    const userId = unique('user')
    const { id } = await store.create({ userId })
    await store.append(id, [{ ...user('secret words'), key: 'k1' }])
    await store.patchState(id, { secret: 'words' })
    await store.edit(id, 1, [{ type: 'text', text: 'other secret words' }])
    const begun = await store.beginTurn(id, { messages: [user('question')] })
    assert(begun.started)
    begun.turn.write('answer')
    await begun.turn.flushed()
    assert.equal(await store.delete(id), true)
    assert.equal(await store.delete(id), false)
    const late = { code: 'FAILED_PRECONDITION', reason: 'CONVERSATION_DELETED' }
    await assert.rejects(store.append(id, [user('late')]), late)
    await assert.rejects(store.append(id, [{ ...user('secret words'), key: 'k1' }]), late)
    await assert.rejects(store.patchState(id, { late: true }), late)
    await assert.rejects(store.update(id, { title: 'late' }), late)
    await assert.rejects(store.redact(id, 1), late)
    await assert.rejects(store.fork(id), late)
    await assert.rejects(store.beginTurn(id, { messages: [user('late')] }), late)
    await assert.rejects(store.create({ id, userId }), late)
    await assert.rejects(begun.turn.finish({ status: 'complete' }), late)
    assert.throws(() => begun.turn.write('late'), late)
    await assert.rejects(store.get(id), { code: 'NOT_FOUND' })
    await assert.rejects(store.messages(id), { code: 'NOT_FOUND' })
    await assert.rejects(store.replyState(begun.replyId), { code: 'NOT_FOUND' })
    assert.deepEqual((await store.list({ userId })).items, [])
    for (const log of ['messages', 'message-changes']) {
      assert.deepEqual(await documents.log(log).read(id), [])
    }
    assert.deepEqual(await documents.log('replies').read(begun.replyId), [])
    for (const name of ['conversations', 'conversation-states', 'turns']) {
      assert.equal(await documents.collection(name).get(id), undefined)
    }
    assert.equal(await documents.collection('replies').get(begun.replyId), undefined)
  })

  it('deletes only the version that the caller knows', async () => {
    const { store } = stage
    const { id } = await store.create({ title: 'a' })
    await store.update(id, { title: 'b' })
    await assert.rejects(store.delete(id, { ifVersion: 1 }), { code: 'ABORTED' })
    assert.equal(await store.delete(id, { ifVersion: 2 }), true)
  })

  it('keeps tenants apart', async () => {
    const id = unique()
    const [a, b] = [await stage.open({ tenantId: 'tenant-a' }), await stage.open({ tenantId: 'tenant-b' })]
    await a.create({ id, title: 'of a' })
    await assert.rejects(b.get(id), { code: 'NOT_FOUND' })
    await b.create({ id, title: 'of b' })
    await a.append(id, [user('hi')])
    assert.equal((await b.get(id)).lastSeq, 0)
  })
}
