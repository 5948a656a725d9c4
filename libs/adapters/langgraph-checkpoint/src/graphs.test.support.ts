import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Annotation, Command, END, START, StateGraph, interrupt } from '@langchain/langgraph'
import type { HoldfastSaver } from './holdfast-saver.js'

const Order = Annotation.Root({
  items: Annotation<string[]>({ reducer: (before, added) => [...before, ...added], default: () => [] }),
  approved: Annotation<boolean>(),
})

/** Packs, asks whether it may, and sends; the packing is a graph of its own. */
function orderGraph(saver: HoldfastSaver, calls: string[] = []) {
  const packing = new StateGraph(Order)
    .addNode('pack', () => {
      calls.push('pack')
      return { items: ['packed'] }
    })
    .addNode('seal', () => {
      calls.push('seal')
      const sealed: string = interrupt('with what?')
      return { items: [`sealed with ${sealed}`] }
    })
    .addEdge(START, 'pack')
    .addEdge('pack', 'seal')
    .addEdge('seal', END)
    .compile()
  return new StateGraph(Order)
    .addNode('packing', packing)
    .addNode('ask', () => {
      calls.push('ask')
      const approved: boolean = interrupt('may it go?')
      return { approved }
    })
    .addNode('send', ({ approved }) => {
      calls.push('send')
      return { items: [approved ? 'sent' : 'kept'] }
    })
    .addEdge(START, 'packing')
    .addEdge('packing', 'ask')
    .addEdge('ask', 'send')
    .addEdge('send', END)
    .compile({ checkpointer: saver })
}

export function graphTests(savers: () => { readonly saver: HoldfastSaver; readonly again: () => HoldfastSaver }): void {
  for (const durability of ['sync', 'async', 'exit'] as const) {
    it(`stop at an interrupt and go on in another process, subgraphs too (durability ${durability})`, async () => {
      const { saver, again } = savers()
      const config = { configurable: { thread_id: 'order' }, durability }
      const calls: string[] = []
      await orderGraph(saver, calls).invoke({ items: ['tea'] }, config)
      await orderGraph(again(), calls).invoke(new Command({ resume: 'wax' }), config)
      const state = await orderGraph(again(), calls).getState(config)
      assert.deepEqual(state.next, ['ask'])
      assert.equal(state.tasks[0]?.interrupts[0]?.value, 'may it go?')
      const done = await orderGraph(again(), calls).invoke(new Command({ resume: true }), config)
      assert.equal(done.approved, true)
      assert.deepEqual(done.items.slice(-3), ['packed', 'sealed with wax', 'sent'])
      assert.deepEqual(calls, ['pack', 'seal', 'seal', 'ask', 'ask', 'send'])
    })
  }

  it('go back to any checkpoint and branch off from it', async () => {
    const { saver, again } = savers()
    const config = { configurable: { thread_id: 'order' } }
    const graph = orderGraph(saver)
    await graph.invoke({ items: ['tea'] }, config)
    await graph.invoke(new Command({ resume: 'wax' }), config)
    await graph.invoke(new Command({ resume: true }), config)
    const history = []
    for await (const state of orderGraph(again()).getStateHistory(config)) history.push(state)
    const asked = history.find(({ next }) => next[0] === 'ask') ?? assert.fail()
    const refused = await orderGraph(again()).updateState(asked.config, { approved: false }, 'ask')
    const branch = await orderGraph(again()).invoke(null, refused)
    assert.equal(branch.items.at(-1), 'kept')
    const updated = await orderGraph(again()).updateState(config, { items: ['a note'] })
    assert.equal((await orderGraph(again()).getState(updated)).values.items.at(-1), 'a note')
  })

  it('keep many turns apart by their threads', async () => {
    const { saver, again } = savers()
    const graph = orderGraph(saver)
    const names = Array.from({ length: 12 }, (_, index) => `order-${index}`)
    await Promise.all(names.map((name) => graph.invoke({ items: [name] }, { configurable: { thread_id: name } })))
    for (const name of names) {
      const { values } = await orderGraph(again()).getState({ configurable: { thread_id: name } })
      assert.deepEqual(values.items, [name])
    }
  })
}
