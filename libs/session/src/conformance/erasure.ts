import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, takeTurn, textsOf, unique, upTo, user } from './stage.js'

export function erasureTests(stage: Stage): void {
  const collected = async (lines: AsyncIterable<string>): Promise<Record<string, unknown>[]> => {
    const all: Record<string, unknown>[] = []
    for await (const line of lines) all.push(JSON.parse(line) as Record<string, unknown>)
    return all
  }

  it('lists by tags, which are kept, changed and forked', async () => {
    const { store } = stage
    const [tag, another] = [unique('tag'), unique('tag')]
    const { id, tags } = await store.create({ tags: [tag, another, tag] })
    assert.deepEqual(tags, [another, tag].sort())
    await store.create({ tags: [another] })
    const ids = async (of: string) => (await store.list({ tag: of })).items.map((one) => one.id)
    assert.deepEqual(await ids(tag), [id])
    assert.equal((await ids(another)).length, 2)
    const fork = await store.fork(id)
    assert.deepEqual(new Set(await ids(tag)), new Set([id, fork.id]))
    const page = await store.list({ tag, limit: 1 })
    await assert.rejects(store.list({ tag: another, limit: 1, cursor: page.next ?? '' }), { code: 'INVALID_ARGUMENT' })
    const updated = await store.update(id, { tags: [] })
    assert.equal(updated.tags, undefined)
    assert.deepEqual(await ids(tag), [fork.id])
    assert.deepEqual((await store.history(fork.id)).conversation.tags, [another, tag].sort())
    await assert.rejects(store.create({ tags: [''] }), { code: 'INVALID_ARGUMENT' })
  })

  it('exports a conversation, and everything of a user', async () => {
    const { store } = stage
    const userId = unique('ada')
    await store.patchState({ scope: 'user', userId }, { likes: 'dogs' })
    const { id } = await store.create({ userId, title: 'One' })
    await store.append(id, [user('a\nb'), user('\0')])
    await store.patchState(id, { step: 1 })
    const branch = await store.fork(id, { atSeq: 1 })
    const one = await collected(store.export(id))
    assert.deepEqual(
      one.map(({ kind }) => kind),
      ['conversation', 'state', 'message', 'message'],
    )
    assert.deepEqual(textsOf(one.slice(2).map(({ message }) => message as never)), ['a\nb', '\0'])
    const all = await collected(store.exportUser(userId))
    assert.deepEqual(all[0], { kind: 'state', scope: 'user', userId, version: 1, state: { likes: 'dogs' } })
    const exported = all.flatMap((line) => (line['kind'] === 'conversation' ? [line['conversation']] : []))
    assert.deepEqual(
      new Set(exported.map((conversation) => (conversation as { id: string }).id)),
      new Set([id, branch.id]),
    )
    await assert.rejects(collected(store.export(unique())), { code: 'NOT_FOUND' })
  })

  it('erases a conversation with what only it needs, and counts that', async () => {
    const { store, documents } = stage
    const put = (text: string) => documents.blobs.put(new TextEncoder().encode(text), { contentType: 'image/png' })
    const [own, shared] = [await put(unique()), await put(unique())]
    const image = (hash: string) => ({ type: 'image', hash, contentType: 'image/png' }) as const
    const id = await stage.conversation('one')
    const other = await stage.conversation()
    await store.append(id, [{ role: 'user', parts: [image(own.hash), image(shared.hash)] }])
    await store.append(other, [{ role: 'user', parts: [image(shared.hash)] }])
    await store.edit(id, 1, [{ type: 'text', text: 'ONE' }])
    const turn = await takeTurn(store, id, { messages: [user('q')] })
    turn.write('a')
    await turn.finish({ status: 'complete' })
    await store.history(id)
    const report = await store.erase(id)
    assert.deepEqual(report, {
      conversations: 1,
      messages: 4,
      edits: 1,
      replies: 1,
      states: 1,
      blobs: 1,
      blobBytes: own.sizeBytes,
    })
    assert.equal(await documents.blobs.stat(own.hash), undefined)
    assert.notEqual(await documents.blobs.stat(shared.hash), undefined)
    await assert.rejects(store.history(id), { code: 'NOT_FOUND' })
    await assert.rejects(store.append(id, [user('late')]), { reason: 'CONVERSATION_DELETED' })
    assert.equal((await store.erase(id)).conversations, 0)
  })

  it('erases a user under 16 writers, and nothing that comes late brings anything back', async () => {
    const { store } = stage
    const other = await stage.open()
    const userId = unique('eve')
    const ids = await Promise.all(upTo(6).map(async () => (await store.create({ userId })).id))
    const branch = await store.fork(ids[0] ?? '')
    await store.patchState({ scope: 'user', userId }, { secret: 1 })
    const turn = await takeTurn(store, ids[1] ?? '', { messages: [user('q')] })
    turn.write('half of a reply')
    await turn.flushed()
    let isErased = false
    const through: string[] = []
    const write = async (n: number): Promise<void> => {
      const at = n % 2 === 0 ? store : other
      const id = ids[n % ids.length] ?? ''
      for (let late = 0; late < 10;) {
        const wasErased = isErased
        if (wasErased) late += 1
        const tries = [
          () => at.create({ userId }),
          () => at.append(id, [user('late')]),
          () => at.patchState({ scope: 'user', userId }, { late: true }),
          () => at.patchState(id, { late: true }),
          () => at.fork(id),
          () => at.beginTurn(branch.id, { messages: [user('late')] }),
        ] as const
        await tries[(n + late) % tries.length]?.().then(
          () => wasErased && through.push(`${n}`),
          () => undefined,
        )
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }
    const erase = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const report = await store.eraseUser(userId)
      assert(report.conversations >= 7, JSON.stringify(report))
      isErased = true
    }
    await Promise.all([...upTo(16).map(write), erase()])
    assert.deepEqual(through, [])
    const goOn = async (): Promise<void> => {
      turn.write('the other half')
      await turn.finish({ status: 'complete' })
    }
    await assert.rejects(goOn(), { reason: 'CONVERSATION_DELETED' })
    assert.deepEqual((await store.list({ userId })).items, [])
    assert.deepEqual((await store.state({ scope: 'user', userId })).state, {})
    await assert.rejects(other.create({ userId }), { code: 'FAILED_PRECONDITION', reason: 'USER_ERASED' })
    assert.equal((await collected(store.exportUser(userId))).length, 0)
    assert.equal((await store.eraseUser(userId)).conversations, 0)
  })

  it('goes on with a deletion that a dead process left half done', async () => {
    const { store, documents } = stage
    const id = await stage.conversation('one')
    await documents.collection('conversations').updateOne(id, { $set: { deleting: true } })
    await assert.rejects(store.get(id), { code: 'NOT_FOUND' })
    await assert.rejects(store.history(id), { code: 'NOT_FOUND' })
    await using another = await stage.open({ maintenanceIntervalMs: 10 })
    for (;;) {
      const document = await documents.collection('conversations').get(id)
      if (document === undefined) break
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await assert.rejects(another.append(id, [user('late')]), { reason: 'CONVERSATION_DELETED' })
  })

  it('keeps as many messages as retention says, a conversation’s own before the store’s', async () => {
    const store = await stage.open({ retention: { maxMessages: 5 } })
    const texts = upTo(12).map((n) => user(`${n + 1}`))
    const [usual, own, aged] = await Promise.all([
      store.create(),
      store.create({ retention: { maxMessages: 8 } }),
      store.create({ retention: { maxMessages: 100, maxAgeMs: 1 } }),
    ])
    for (const { id } of [usual, own, aged]) {
      await store.append(id, texts)
      await store.history(id)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert((await store.applyRetention()) >= 7 + 4 + 12)
    const seqs = async (id: string) => (await stage.store.messages(id)).map(({ seq }) => seq)
    assert.deepEqual(await seqs(usual.id), [8, 9, 10, 11, 12])
    assert.deepEqual(await seqs(own.id), [5, 6, 7, 8, 9, 10, 11, 12])
    assert.deepEqual(await seqs(aged.id), [])
    assert.equal((await stage.store.history(own.id, { last: 100 })).messages.length, 8)
    const [next] = await store.append(aged.id, [user('next')])
    assert.equal(next?.seq, 13)
    assert.deepEqual((await store.update(own.id, { retention: null })).retention, undefined)
    await assert.rejects(store.create({ retention: { maxMessages: 0 } }), { code: 'INVALID_ARGUMENT' })
  })
}
