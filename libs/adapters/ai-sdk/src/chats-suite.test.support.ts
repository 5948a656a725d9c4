import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { convertToModelMessages, stepCountIs, streamText, tool, type UIMessage, type UIMessageChunk } from 'ai'
import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { z } from 'zod'
import { everyPart } from './every-part.test.support.js'
import { HoldfastChats } from './holdfast-chats.js'
import {
  callStep,
  collect,
  said,
  scriptedModel,
  source,
  textOf,
  textStep,
  until,
  writeAll,
} from './scripted-model.test.support.js'
import type { RecordedReply } from './recording.js'

export function describeHoldfastChats(
  name: string,
  start: () => Promise<{ readonly documents: DocumentStore; readonly stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let stage: Awaited<ReturnType<typeof start>>
    let chats: HoldfastChats
    let count = 0

    before(async () => {
      stage = await start()
      chats = new HoldfastChats({ store: stage.documents })
    })
    after(() => stage.stop())

    const newChat = (): string => `chat-${(count += 1)}`
    const idsOf = async (chat: string): Promise<string[]> => (await chats.load(chat)).map(({ id }) => id)
    /** As another process has it. */
    const elsewhere = (): HoldfastChats => new HoldfastChats({ store: stage.documents })
    const weather = tool({
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }: { readonly city: string }) => ({ sky: 'clear', city }),
    })

    it('gives every kind of part back byte for byte', async () => {
      const chat = newChat()
      const replaced = { ...everyPart, parts: everyPart.parts.toReversed() }
      for (const message of [everyPart, replaced]) {
        await chats.append(chat, [message])
        assert.deepEqual(
          (await chats.load(chat)).map((stored) => JSON.stringify(stored)),
          [JSON.stringify(message)],
        )
      }
      await chats.save(chat, [everyPart])
      assert.equal(JSON.stringify((await chats.load(chat))[0]), JSON.stringify(everyPart))
    })

    it('appends new messages, replaces known ones in place, and does neither twice', async () => {
      const chat = newChat()
      await chats.append(chat, [said('a', 'one'), said('b', 'two')])
      await chats.append(chat, [said('b', 'two, rather'), said('c', 'three')])
      await chats.append(chat, [said('b', 'two, rather'), said('c', 'three')])
      assert.deepEqual(await chats.load(chat), [said('a', 'one'), said('b', 'two, rather'), said('c', 'three')])
      assert.deepEqual(await chats.load(chat, { limit: 2, before: 'c' }), [said('a', 'one'), said('b', 'two, rather')])
      assert.deepEqual(await chats.load(chat, { limit: 1 }), [said('c', 'three')])
    })

    it('keeps what many append at once, each list in one piece', async () => {
      const chat = newChat()
      const lists = Array.from({ length: 12 }, (_, n) => [said(`${n}a`, 'x'), said(`${n}b`, 'y')])
      await Promise.all([...lists, ...lists].map((list) => chats.append(chat, list)))
      const ids = await idsOf(chat)
      assert.equal(ids.length, 24)
      for (let n = 0; n < 12; n += 1) assert.equal(ids[ids.indexOf(`${n}a`) + 1], `${n}b`)
    })

    it('makes a chat exactly what is saved, whatever was there', async () => {
      const chat = newChat()
      for (const ids of ['abcd', 'acd', 'acxd', 'dcba', 'd', '', 'ab']) {
        const messages = ids.split('').map((id) => said(id, `${id} of ${ids}`))
        await chats.save(chat, messages)
        assert.deepEqual(await chats.load(chat), messages)
      }
    })

    it('names the field that it refuses', async () => {
      const chat = newChat()
      const nameless = { ...said('', 'x') }
      await assert.rejects(
        chats.append(chat, [said('a', 'x'), nameless]),
        isError('INVALID_ARGUMENT', /messages\[1\]\.id/),
      )
      await assert.rejects(
        chats.append(chat, [said('a', 'x'), said('a', 'y')]),
        isError('INVALID_ARGUMENT', /messages\[1\]\.id/),
      )
      const broken = { ...said('a', 'x'), metadata: { n: Number.NaN } }
      await assert.rejects(chats.save(chat, [broken]), isError('INVALID_ARGUMENT', /messages\[0\]/))
      await assert.rejects(chats.load('a/b'), isError('INVALID_ARGUMENT', /chatId/))
      assert.deepEqual(await chats.load(chat), [])
    })

    it('stores of a run with tools what the SDK makes of it, and streams what it streams', async () => {
      const chat = newChat()
      await chats.append(chat, [said('u1', 'How is Oslo?')])
      const messages = await chats.load(chat)
      const result = streamText({
        model: scriptedModel(callStep('c1', 'weather', { city: 'Oslo' }), textStep('It is ', 'clear.')),
        messages: await convertToModelMessages(messages),
        tools: { weather },
        stopWhen: stepCountIs(3),
      })
      let expected: UIMessage | undefined
      const ui = result.toUIMessageStream({
        originalMessages: messages,
        generateMessageId: () => 'm1',
        sendSources: true,
        messageMetadata: ({ part }) => (part.type === 'start' ? { z: 1, a: 2 } : undefined),
        onFinish: ({ responseMessage }) => {
          expected = responseMessage
        },
      })
      let ended: RecordedReply | undefined
      const chunks = await collect(chats.record(chat, ui, { onEnd: (reply) => (ended = reply) }))
      assert.equal(chunks.at(-1)?.type, 'finish')
      const stored = await chats.load(chat)
      assert.deepEqual(
        stored.map(({ id }) => id),
        ['u1', 'm1'],
      )
      assert.equal(JSON.stringify(stored[1]), JSON.stringify(expected))
      assert.deepEqual(
        stored[1]?.parts.map(({ type }) => type),
        ['step-start', 'reasoning', 'source-url', 'tool-weather', 'step-start', 'text'],
      )
      assert.equal(ended?.status, 'complete')
      assert.deepEqual(await chats.lastReply(chat), { messageId: 'm1', status: 'complete' })
      assert.equal(await chats.resume(chat), undefined)
    })

    it('gives a running reply from its start to whoever resumes it, with the same bytes', async () => {
      const chat = newChat()
      const { stream, writer } = source()
      const first = collect(chats.record(chat, stream))
      await writer.write({ type: 'start', messageMetadata: { z: 1, a: 2 } })
      await writer.write({ type: 'text-start', id: 't' })
      await writer.write({ type: 'text-delta', id: 't', delta: 'Half' })
      await until(async () => textOf((await chats.load(chat, { running: true }))[0]) === 'Half')
      assert.deepEqual(await chats.load(chat), [])

      const resumed = await elsewhere().resume(chat)
      const second = collect(resumed ?? assert.fail('nothing is running'))
      const left = await elsewhere().resume(chat)
      await left?.cancel()
      await writer.write({ type: 'text-delta', id: 't', delta: ' and half.' })
      await writer.write({ type: 'text-end', id: 't' })
      await writer.close()
      const chunks = await first
      assert.equal(JSON.stringify(await second), JSON.stringify(chunks))
      const [message] = await chats.load(chat)
      assert.equal(textOf(message), 'Half and half.')
      const [begin] = chunks
      assert.equal(begin?.type === 'start' && begin.messageId, message?.id)
    })

    it('stores the whole reply when its reader goes away', async () => {
      const chat = newChat()
      const { stream, writer } = source()
      const reader = chats.record(chat, stream).getReader()
      await writer.write({ type: 'start', messageId: 'm' })
      await reader.read()
      await reader.cancel()
      for (const chunk of words(['a', 'b', 'c'])) await writer.write(chunk)
      await writer.close()
      await until(async () => (await chats.lastReply(chat))?.status === 'complete')
      assert.equal(textOf((await chats.load(chat))[0]), 'a b c ')
    })

    it('goes on with a message when the client has answered a tool, and holds it once', async () => {
      const chat = newChat()
      const call = {
        type: 'tool-ask' as const,
        toolCallId: 'c',
        state: 'output-available' as const,
        input: {},
        output: 'yes',
      }
      const begun: UIMessage = { id: 'm', role: 'assistant', parts: [{ type: 'step-start' }, call] }
      await chats.append(chat, [said('u', 'Go on.'), begun, said('u2', 'Meanwhile.')])
      const { stream, writer } = source()
      const reading = collect(chats.record(chat, stream))
      for (const chunk of [{ type: 'start' as const, messageId: 'm' }, ...words(['Done.'])]) await writer.write(chunk)
      await until(async () => textOf((await chats.load(chat, { running: true }))[1]) === 'Done. ')
      assert.deepEqual((await chats.load(chat))[1], begun)
      await writer.close()
      await reading
      const [, message, ...more] = await chats.load(chat)
      assert.deepEqual(more, [said('u2', 'Meanwhile.')])
      assert.deepEqual(message?.parts.slice(0, 2), begun.parts)
      assert.equal(textOf(message), 'Done. ')
    })

    for (const [late, rest] of [
      ['go on', [{ type: 'text-delta', id: 'w', delta: 'late' }]],
      ['end', []],
    ] as const)
      it(`ends a running reply when a newer one begins, and the older cannot ${late} any more`, async () => {
        const chat = newChat()
        const older = source()
        const failure = assert.rejects(collect(chats.record(chat, older.stream)), isError('ABORTED', /newer/))
        await writeAll(older.writer, [{ type: 'start', messageId: 'm1' }, ...words(['old']).slice(0, 2)])
        await until(async () => textOf((await chats.load(chat, { running: true }))[0]) === 'old ')
        const follower = collect((await elsewhere().resume(chat)) ?? assert.fail('nothing is running'))
        const newer: UIMessageChunk[] = [{ type: 'start', messageId: 'm2' }, ...words(['new'])]
        await collect(elsewhere().record(chat, ReadableStream.from(newer)))
        assert.equal((await follower).at(-1)?.type, 'error')
        if (rest.length === 0) await older.writer.close()
        else await writeAll(older.writer, rest).catch(() => undefined)
        await failure
        if (rest.length > 0) await assert.rejects(older.writer.write({ type: 'text-end', id: 'w' }))
        assert.deepEqual((await chats.load(chat)).map(textOf), ['old ', 'new '])
        assert.deepEqual(await chats.lastReply(chat), { messageId: 'm2', status: 'complete' })
      })

    it('says how a reply ended that failed or was cancelled, and keeps what came before', async () => {
      const chat = newChat()
      const broken = source()
      const failure = assert.rejects(collect(chats.record(chat, broken.stream)), /The model broke/)
      for (const chunk of words(['half']).slice(0, 2)) await broken.writer.write(chunk)
      await broken.writer.abort(new Error('The model broke'))
      await failure
      assert.equal((await chats.lastReply(chat))?.status, 'failed')
      const ends: [UIMessageChunk, string][] = [
        [{ type: 'error', errorText: 'No.' }, 'failed'],
        [{ type: 'abort' }, 'cancelled'],
      ]
      for (const [end, status] of ends) {
        const chunks = [...words(['some']).slice(0, 2), end]
        await collect(chats.record(chat, ReadableStream.from(chunks)))
        assert.equal((await chats.lastReply(chat))?.status, status)
      }
      assert.deepEqual((await chats.load(chat)).map(textOf).slice(-2), ['some ', 'some '])
    })

    it('makes a message anew when it was taken out with all behind it', async () => {
      const chat = newChat()
      await chats.append(chat, [said('u1', 'one'), said('u2', 'two'), said('u3', 'three')])
      const running = source()
      const failure = assert.rejects(collect(chats.record(chat, running.stream)), isError('ABORTED'))
      await running.writer.write({ type: 'start', messageId: 'm' })
      await running.writer.write({ type: 'text-start', id: 't' })
      await until(async () => (await chats.load(chat, { running: true })).length === 4)
      assert.equal(await chats.truncate(chat, 'u2'), 3)
      await running.writer.write({ type: 'text-end', id: 't' }).catch(() => undefined)
      await failure
      assert.equal(await chats.truncate(chat, 'u2'), 0)
      await chats.append(chat, [said('u2', 'two again')])
      assert.deepEqual((await chats.load(chat)).map(textOf), ['one', 'two again'])
    })

    it('stays deleted, whatever comes late', async () => {
      const chat = newChat()
      await chats.append(chat, [said('u', 'Forget me.')])
      const { stream, writer } = source()
      const failure = assert.rejects(collect(chats.record(chat, stream)), isError('FAILED_PRECONDITION'))
      for (const chunk of words(['a']).slice(0, 2)) await writer.write(chunk)
      await until(async () => (await chats.load(chat, { running: true })).length === 2)
      assert.equal(await chats.delete(chat), true)
      assert.equal(await chats.delete(chat), false)
      await writer.write({ type: 'text-end', id: 'w' }).catch(() => undefined)
      await failure
      await assert.rejects(chats.append(chat, [said('u2', 'late')]), isError('FAILED_PRECONDITION'))
      const late = chats.record(chat, ReadableStream.from(words(['x'])))
      await assert.rejects(collect(late), isError('FAILED_PRECONDITION'))
      assert.deepEqual(await chats.load(chat), [])
      for await (const line of stage.documents.export()) assert(!line.includes('Forget me.'))
    })

    it('stores nothing of a stream without chunks', async () => {
      const chat = newChat()
      assert.deepEqual(await collect(chats.record(chat, ReadableStream.from([]) as ReadableStream<UIMessageChunk>)), [])
      assert.equal(await chats.lastReply(chat), undefined)
    })

    it('keeps tenants apart', async () => {
      const chat = newChat()
      await chats.append(chat, [said('u', 'mine')])
      assert.deepEqual(await new HoldfastChats({ store: stage.documents.tenant('other') }).load(chat), [])
    })
  })
}

/** A text in pieces. */
export function words(pieces: readonly string[]): UIMessageChunk[] {
  return [
    { type: 'text-start', id: 'w' },
    ...pieces.map((piece) => ({ type: 'text-delta' as const, id: 'w', delta: `${piece} ` })),
    { type: 'text-end', id: 'w' },
  ]
}

export function isError(code: string, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => error instanceof HoldfastError && error.code === code && message.test(error.message)
}
