import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Agent, MemorySession, Runner, RunState, tool } from '@openai/agents-core'
import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import fc from 'fast-check'
import { z } from 'zod'
import { HoldfastSession } from './holdfast-session.js'
import { answer, call, outline, result, said, ScriptedModel } from './scripted-model.test.support.js'

export function describeHoldfastSession(
  name: string,
  start: () => Promise<{ readonly documents: DocumentStore; readonly stop: () => Promise<void> }>,
  { oracleRuns }: { readonly oracleRuns: number },
): void {
  describe(name, () => {
    let stage: Awaited<ReturnType<typeof start>>
    let count = 0

    before(async () => {
      stage = await start()
    })
    after(() => stage.stop())

    const sessionOf = (sessionId: string): HoldfastSession => new HoldfastSession({ store: stage.documents, sessionId })
    /** Each with an id of its own. */
    const newSession = (): HoldfastSession => sessionOf(`session ${(count += 1)}`)
    const outlineOf = async (session: HoldfastSession): Promise<string[]> => outline(await session.getItems())
    const runner = new Runner({ tracingDisabled: true })
    const lookUp = (needsApproval: boolean): ReturnType<typeof tool> =>
      tool({
        name: 'weather',
        description: 'The weather',
        parameters: z.object({ city: z.string() }),
        needsApproval,
        execute: ({ city }) => `Sun in ${city}`,
      })

    it('gives a model what was said before, also to a run elsewhere', async () => {
      const model = new ScriptedModel([answer('Hello Ada.')], [answer('You are Ada.')])
      const agent = new Agent({ name: 'Assistant', model })
      const session = newSession()
      await runner.run(agent, 'I am Ada.', { session })
      const elsewhere = sessionOf(await session.getSessionId())
      const { finalOutput } = await runner.run(agent, 'Who am I?', { session: elsewhere })
      assert.equal(finalOutput, 'You are Ada.')
      assert.deepEqual(outline(model.asked[1] ?? []), ['user: I am Ada.', 'assistant: Hello Ada.', 'user: Who am I?'])
      assert.deepEqual(await outlineOf(session), [...outline(model.asked[1] ?? []), 'assistant: You are Ada.'])
    })

    it('keeps the calls and results of a run that streams', async () => {
      const model = new ScriptedModel([call('a', 'weather', { city: 'Oslo' })], [answer('Sun.')])
      const agent = new Agent({ name: 'Assistant', model, tools: [lookUp(false)] })
      const session = newSession()
      const streamed = await runner.run(agent, 'How is Oslo?', { session, stream: true })
      await streamed.completed
      assert.deepEqual(await outlineOf(session), ['user: How is Oslo?', 'call a', 'result a', 'assistant: Sun.'])
    })

    for (const way of ['as it is', 'through its serialization'])
      it(`stores a call once when its run is interrupted and goes on ${way}`, async () => {
        const calls = [call('a', 'weather', { city: 'Oslo' }), call('b', 'weather', { city: 'Rome' })]
        const model = new ScriptedModel(calls, [answer('Sun in both.')])
        const agent = new Agent({ name: 'Assistant', model, tools: [lookUp(true)] })
        const session = newSession()
        const interrupted = await runner.run(agent, 'How are Oslo and Rome?', { session })
        assert.equal(interrupted.interruptions.length, 2)
        const restored = (): Promise<RunState<unknown, typeof agent>> =>
          RunState.fromString(agent, interrupted.state.toString())
        const state = way === 'as it is' ? (interrupted.state as RunState<unknown, typeof agent>) : await restored()
        for (const approval of state.getInterruptions()) state.approve(approval)
        await runner.run(agent, state, { session })
        const stored = await outlineOf(session)
        assert.deepEqual(stored.toSorted(), [
          'assistant: Sun in both.',
          'call a',
          'call b',
          'result a',
          'result b',
          'user: How are Oslo and Rome?',
        ])
      })

    it('takes items that repeat the end of the history for stored already, where they name a call', async () => {
      const session = newSession()
      const [first, second] = [call('a', 'weather', { city: 'Oslo' }), call('b', 'weather', { city: 'Rome' })]
      await session.addItems([said('How are both?'), answer('Let me see.'), first, second])
      const { type, callId, ...rest } = second
      const reordered = { ...rest, callId, type } as typeof second
      await session.addItems([answer('Let me see.'), first, reordered, result('a', 'weather', 'Sun')])
      await session.addItems([result('a', 'weather', 'Sun'), result('b', 'weather', 'Rain')])
      const stored = ['user: How are both?', 'assistant: Let me see.', 'call a', 'call b', 'result a', 'result b']
      assert.deepEqual(await outlineOf(session), stored)

      await session.addItems([said('Thanks.')])
      await session.addItems([said('Thanks.')])
      await session.addItems([said('Thanks.'), call('a', 'weather', { city: 'Oslo' })])
      const thanks = ['user: Thanks.', 'user: Thanks.', 'user: Thanks.']
      assert.deepEqual(await outlineOf(session), [...stored, ...thanks, 'call a'])
    })

    it('stores what eight writers repeat at once one time', async () => {
      const session = newSession()
      const turn = [said('How is Oslo?'), call('a', 'weather'), result('a', 'weather', 'Sun')]
      await session.addItems([said('Hello.')])
      await Promise.all(Array.from({ length: 8 }, () => session.addItems(turn)))
      assert.deepEqual(await outlineOf(session), ['user: Hello.', 'user: How is Oslo?', 'call a', 'result a'])
    })

    it('keeps what many runs add at once, each batch in one piece', async () => {
      const session = newSession()
      const batches = Array.from({ length: 24 }, (_, n) =>
        n % 3 === 0 ? [said(`${n}`), call(`${n}`, 'weather'), answer(`${n}`)] : [said(`${n}`), answer(`${n}`)],
      )
      await Promise.all(batches.map((batch) => sessionOf(`session ${count}`).addItems(batch)))
      const stored = outline(await session.getItems())
      assert.equal(stored.length, batches.flat().length)
      for (const batch of batches) {
        const pieces = outline(batch)
        const from = stored.indexOf(pieces[0] ?? '')
        assert.deepEqual(stored.slice(from, from + pieces.length), pieces)
      }
    })

    it('hands an item to one of those who pop at once', async () => {
      const session = newSession()
      await session.addItems(Array.from({ length: 6 }, (_, n) => said(`${n}`)))
      const popped = await Promise.all(Array.from({ length: 4 }, () => session.popItem()))
      assert.deepEqual(outline(popped.flatMap((item) => item ?? [])).toSorted(), [
        'user: 2',
        'user: 3',
        'user: 4',
        'user: 5',
      ])
      assert.deepEqual(await outlineOf(session), ['user: 0', 'user: 1'])
    })

    it('answers like the session that the SDK brings, whatever is done', async () => {
      const step = fc.oneof(
        fc.array(fc.string({ unit: 'binary', maxLength: 5 }), { maxLength: 4 }).map((texts) => ({ add: texts })),
        fc.constant({ pop: true }),
        fc.constant({ clear: true }),
        fc.integer({ min: -1, max: 6 }).map((limit) => ({ limit })),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const [ours, theirs] = [newSession(), new MemorySession()]
          for (const done of steps) {
            const answers = await Promise.all(
              [ours, theirs].map(async (session) => {
                if ('add' in done) return session.addItems(done.add.map(said))
                if ('pop' in done) return session.popItem()
                return 'clear' in done ? session.clearSession() : session.getItems(done.limit)
              }),
            )
            assert.deepEqual(answers[0], answers[1])
          }
          assert.deepEqual(await ours.getItems(), await theirs.getItems())
        }),
        { numRuns: oracleRuns, seed: 20 },
      )
    })

    it('gives the newest items behind many that were taken back', async () => {
      const session = newSession()
      await session.addItems(Array.from({ length: 40 }, (_, n) => said(`${n}`)))
      for (let n = 0; n < 30; n += 1) await session.popItem()
      await session.addItems([said('new')])
      assert.deepEqual(outline(await session.getItems(3)), ['user: 8', 'user: 9', 'user: new'])
      assert.equal((await session.getItems()).length, 11)
    })

    it('reads an item back with its members in their order, and refuses what JSON would change', async () => {
      const session = newSession()
      const item = { z: 1, role: 'user', content: 'NUL \0, half \ud800', a: { y: null, b: [1.5] }, type: 'message' }
      await session.addItems([item as never])
      assert.equal(JSON.stringify((await session.getItems())[0]), JSON.stringify(item))
      for (const value of [Number.NaN, 1n, new Uint8Array(2)]) {
        const broken = { ...said('x'), providerData: { value } }
        await assert.rejects(session.addItems([said('y'), broken]), isError('INVALID_ARGUMENT', /items\[1\]/))
      }
      assert.equal((await session.getItems()).length, 1)
    })

    it('starts anew when it is cleared, and never again when it is deleted', async () => {
      const session = newSession()
      await session.addItems([said('one'), said('two')])
      await session.clearSession()
      assert.deepEqual(await session.getItems(), [])
      await session.addItems([said('three')])
      assert.deepEqual(await outlineOf(session), ['user: three'])

      const model = new ScriptedModel([answer('Too late.')])
      await session.deleteSession()
      await session.deleteSession()
      assert.deepEqual(await session.getItems(), [])
      const late = runner.run(new Agent({ name: 'Assistant', model }), 'Hello?', { session })
      await assert.rejects(late, isError('FAILED_PRECONDITION'))
      assert.deepEqual(await session.getItems(), [])
    })

    it('applies a change of the history once for its operation', async () => {
      const session = newSession()
      const append = { type: 'append_items' as const, items: [said('one'), said('two')] }
      await Promise.all(
        Array.from({ length: 4 }, () => session.applyHistoryTransaction({ operationId: 'op 1', transaction: append })),
      )
      assert.deepEqual(await outlineOf(session), ['user: one', 'user: two'])
      const replace = { type: 'replace_suffix' as const, expectedSuffix: [said('two')], replacement: [said('2')] }
      await session.applyHistoryTransaction({ operationId: 'op 2', transaction: replace })
      await session.applyHistoryTransaction({ operationId: 'op 2', transaction: replace })
      assert.deepEqual(await outlineOf(session), ['user: one', 'user: 2'])

      const reused = session.applyHistoryTransaction({ operationId: 'op 1', transaction: replace })
      await assert.rejects(reused, isError('ALREADY_EXISTS'))
      const stale = session.applyHistoryTransaction({ operationId: 'op 3', transaction: replace })
      await assert.rejects(stale, isError('FAILED_PRECONDITION'))
      assert.deepEqual(await outlineOf(session), ['user: one', 'user: 2'])
    })

    it('replaces the history at once, and single calls in it', async () => {
      const session = newSession()
      await session.addItems([said('one'), call('a', 'weather', { city: 'Oslo' }), said('two')])
      const replacement = call('a', 'weather', { city: 'Rome' })
      await session.applyHistoryMutations({ mutations: [{ type: 'replace_function_call', callId: 'a', replacement }] })
      assert.deepEqual(await session.getItems(), [said('one'), replacement, said('two')])
      await session.replaceHistoryWithCompaction([said('short')])
      assert.deepEqual(await outlineOf(session), ['user: short'])
    })

    it('keeps tenants apart', async () => {
      const session = newSession()
      await session.addItems([said('mine')])
      const store = stage.documents.tenant('other')
      const other = new HoldfastSession({ store, sessionId: await session.getSessionId() })
      assert.deepEqual(await other.getItems(), [])
    })
  })
}

export function isError(code: string, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => error instanceof HoldfastError && error.code === code && message.test(error.message)
}
