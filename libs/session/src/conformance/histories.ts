import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Stage, textsOf, unique, upTo, user } from './stage.js'

export function historyTests(stage: Stage): void {
  it('answers the last messages, oldest first, with the conversation', async () => {
    const { id } = await stage.store.create({ userId: 'ada', title: 'Dogs', metadata: { team: 'a' } })
    const none = await stage.store.history(id)
    assert.deepEqual(none.messages, [])
    assert.equal(none.conversation.lastSeq, 0)
    const appended = await stage.store.append(
      id,
      upTo(30).map((n) => user(`m${n + 1}`)),
    )
    for (const _ of upTo(2)) {
      const { conversation, messages } = await stage.store.history(id)
      assert.deepEqual(messages, appended.slice(-20))
      assert.deepEqual(conversation, await stage.store.get(id))
    }
    assert.deepEqual((await stage.store.history(id, { last: 3 })).messages, appended.slice(-3))
    assert.deepEqual((await stage.store.history(id, { last: 1000 })).messages, appended)
  })

  it('shows what was appended, edited, redacted and renamed, at once and in every process', async () => {
    const id = await stage.conversation('one', 'two', 'three')
    const other = await stage.open()
    const seen = async () => {
      const [here, there] = [await stage.store.history(id), await other.history(id)]
      assert.deepEqual(here, there)
      assert.deepEqual(here.messages, await stage.store.messages(id))
      return here
    }
    await seen()
    await stage.store.append(id, [user('four')])
    assert.deepEqual(textsOf((await seen()).messages), ['one', 'two', 'three', 'four'])
    await other.append(id, [user('five'), user('six')])
    assert.deepEqual(textsOf((await seen()).messages), ['one', 'two', 'three', 'four', 'five', 'six'])
    await other.edit(id, 2, [{ type: 'text', text: 'TWO' }])
    assert.equal(textsOf((await seen()).messages)[1], 'TWO')
    await stage.store.redact(id, 1)
    assert.equal((await seen()).messages[0]?.redacted, true)
    await other.update(id, { title: 'Numbers' })
    assert.equal((await seen()).conversation.title, 'Numbers')
    await stage.store.delete(id)
    for (const store of [stage.store, other]) {
      await assert.rejects(store.history(id), { code: 'NOT_FOUND' })
      await assert.rejects(store.messages(id), { code: 'NOT_FOUND' })
    }
  })

  it('is that of a branch with the past that it shares, edits of it included', async () => {
    const id = await stage.conversation('one', 'two', 'three')
    const branch = await stage.store.fork(id, { atSeq: 2 })
    const twig = await stage.store.fork(branch.id)
    await stage.store.append(branch.id, [user('other')])
    const texts = async (of: string) => textsOf((await stage.store.history(of)).messages)
    assert.deepEqual(await texts(branch.id), ['one', 'two', 'other'])
    assert.deepEqual(await texts(twig.id), ['one', 'two'])
    await stage.store.edit(id, 1, [{ type: 'text', text: 'ONE' }])
    assert.deepEqual(await texts(branch.id), ['ONE', 'two', 'other'])
    assert.deepEqual(await texts(twig.id), ['ONE', 'two'])
    assert.deepEqual(await texts(id), ['ONE', 'two', 'three'])
  })

  it('answers messages by any bounds as the log does', async () => {
    const id = await stage.conversation(...upTo(120).map((n) => `${n + 1}`))
    await stage.store.history(id)
    await stage.store.append(id, [user('121')])
    const bounds = [undefined, 0, 1, 60, 69, 70, 71, 100, 119, 120, 121, 122, 200]
    for (const after of bounds) {
      for (const before of bounds) {
        for (const reverse of [false, true]) {
          const limit = 1 + (((after ?? 7) + (before ?? 5)) % 60)
          const all = upTo(121)
            .map((n) => n + 1)
            .filter((seq) => seq > (after ?? 0) && seq < (before ?? 1000))
          const expected = (reverse ? all.toReversed() : all).slice(0, limit)
          const options = { ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }
          const found = await stage.store.messages(id, { ...options, limit, reverse })
          assert.deepEqual(
            found.map(({ seq }) => seq),
            expected,
            JSON.stringify({ ...options, limit, reverse }),
          )
        }
      }
    }
  })

  it('keeps what is hard to keep: line breaks, NUL, half surrogates, large texts', async () => {
    const texts = ['a\nb\r\n', '\0', '\ud800', '\u2028', 'x'.repeat(300_000), '{"a":1}|', '']
    const id = await stage.conversation('first')
    await stage.store.history(id)
    for (const text of texts) {
      await stage.store.append(id, [user(text)])
      await stage.store.history(id)
    }
    for (const last of [3, 8]) {
      const { messages } = await stage.store.history(id, { last })
      assert.deepEqual(textsOf(messages), ['first', ...texts].slice(-last))
    }
  })

  it('refuses bad numbers and unknown conversations', async () => {
    const id = await stage.conversation()
    await assert.rejects(stage.store.history(id, { last: 0 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(stage.store.history(id, { last: 1001 }), { code: 'INVALID_ARGUMENT' })
    const nowhere = unique()
    await assert.rejects(stage.store.history(nowhere), { code: 'NOT_FOUND' })
    await stage.store.create({ id: nowhere })
    assert.equal((await stage.store.history(nowhere)).conversation.id, nowhere)
  })
}
