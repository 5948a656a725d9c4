import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { dag } from '@holdfast/protocol'
import { Output } from '../output.js'
import { eventView } from './event-view.js'

/** A terminal of some columns, and what stands in it. */
function terminal(columns: number) {
  const stream = Object.assign(new PassThrough(), { columns, isTTY: true })
  let written = ''
  stream.on('data', (data: Buffer) => (written += data.toString()))
  const view = eventView(new Output(stream))
  return {
    view,
    happen: (type: string, node: string, more: object = {}) =>
      view.show(dag.StreamExecutionResponse.fromPartial({ type, node, attempt: 1, eventJson: JSON.stringify(more) })),
    lines: () => (written.split('\x1b[J').at(-1) ?? '').trimEnd().split('\n'),
  }
}

it('the tree of a run has nodes below the graphs that they are in, and draws what came last', async () => {
  const { happen, lines, view } = terminal(80)
  for (const node of ['a', 'b', 'a/x', 'b/x', 'a/y', 'a/x/deep']) await happen('node-started', node)
  const tree = ['▶ a', '  ▶ a/x', '    ▶ a/x/deep', '  ▶ a/y', '▶ b', '  ▶ b/x']
  while (lines().length < tree.length) await pause(5)
  assert.deepEqual(lines(), tree)
  await view.end()
})

it('the tree of a run shows the end of the text that a node makes', async () => {
  const { happen, lines, view } = terminal(24)
  await happen('node-started', 'chat')
  for (const text of ['It was ', 'a dark\n', 'and stormy ', 'night']) {
    await happen('node-progress', 'chat', { progress: { text } })
  }
  await view.end()
  assert.deepEqual(lines(), ['▶ chat  …d stormy night'])
  await happen('node-progress', 'chat', { progress: { stage: 'done' } })
  await view.end()
  assert.deepEqual(lines(), ['▶ chat  done'])
})

it('the tree of a run with more nodes than lines shows those under way', async () => {
  const { happen, lines, view } = terminal(80)
  await happen('node-started', 'slow')
  for (let place = 0; place < 100; place += 1) {
    await happen('node-started', `n${place}`)
    await happen('node-completed', `n${place}`)
  }
  await view.end()
  assert.equal(lines().length, 24)
  assert.deepEqual(lines().slice(0, 3), ['… 78 more; 100 of 101 have ended', '▶ slow', '✔ n78'])
})

it('the tree of a run says how an approval is answered', async () => {
  const { happen, lines, view } = terminal(100)
  await view.begin('run-1')
  await happen('node-started', 'review', { awaits: 'release' })
  await view.end()
  assert.equal(lines().at(-1), '▶ review (waits for: holdfast dag signal run-1 release true)')
  await happen('node-completed', 'review')
  await view.end()
  assert.equal(lines().at(-1), '✔ review')
})
