import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HoldfastProcess } from '@holdfast/test-servers'
import { outputHere, runHere } from '../cli-here.js'

const graph = `
name: greet
inputs: { who: { type: string } }
nodes:
  - { id: ask, type: chat, with: { prompt: 'My dog is called Rex. What is my dog called, \${{ inputs.who }}?' } }
  - { id: review, type: approval, with: { message: '\${{ nodes.ask.text }}' } }
  - { id: sent, type: transform, when: nodes.review.approved, with: { value: 'to \${{ inputs.who }}: \${{ size(nodes.ask.text) > 0 }}' } }
outputs: { sent: '\${{ nodes.sent.value }}' }
`
const example = (name: string) =>
  fileURLToPath(new URL(`../../../../services/dag-execution/examples/${name}.yaml`, import.meta.url))

let folder: string
let file: string
let server: HoldfastProcess
let there: readonly string[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-dag-'))
  file = join(folder, 'greet.yaml')
  await writeFile(file, graph)
  server = await HoldfastProcess.start(['--database', 'memory:'])
  there = ['--server', server.address]
})

after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

async function showed(
  run: string,
): Promise<{ run: { state: string; outputs: unknown; rerunOf: string }; nodes: { node: string; state: string }[] }> {
  return JSON.parse(await outputHere(['dag', 'show', run, '--json', ...there]))
}

test('runs a graph on a server: approval by signal, list, show, watch, retry', async () => {
  const run = (await outputHere(['dag', 'run', file, '--input', 'who=Ada', '--detach', ...there])).trim()
  await outputHere(['dag', 'signal', run, 'review', 'true', ...there])
  const watched = await outputHere(['dag', 'watch', run, '--json', ...there])
  const types = watched
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event?: { type: string } }).event?.type)
  assert.deepEqual([types[0], types.at(-2)], ['run-started', 'run-completed'])
  const { run: shown, nodes } = await showed(run)
  assert.deepEqual([shown.state, shown.outputs], ['succeeded', { sent: 'to Ada: true' }])
  assert.deepEqual(
    nodes.map(({ node, state }) => `${node} ${state}`),
    ['ask completed', 'review completed', 'sent completed'],
  )
  assert.match(await outputHere(['dag', 'show', run, ...there]), /ask +chat +completed +1/)
  const { runs } = JSON.parse(await outputHere(['dag', 'list', '--state', 'succeeded', '--json', ...there])) as {
    runs: { id: string }[]
  }
  assert.deepEqual(
    runs.map(({ id }) => id),
    [run],
  )
  const again = await runHere(['dag', 'retry', run, '--from', 'sent', '--json', ...there])
  const last = JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '') as { run: { rerunOf: string; state: string } }
  assert.deepEqual([again.code, last.run.rerunOf, last.run.state], [0, run, 'succeeded'])
  assert.ok(!again.stdout.includes('"type":"node-started"'), 'what was recorded runs again')
})

test('pauses, resumes and cancels; a cancelled run ends the command that shows it', async () => {
  const key = ['--key', 'one']
  const run = (await outputHere(['dag', 'run', file, '--input', 'who=Bob', ...key, '--detach', ...there])).trim()
  assert.equal((await outputHere(['dag', 'run', file, '--input', 'who=Bob', ...key, '--detach', ...there])).trim(), run)
  await outputHere(['dag', 'pause', run, ...there])
  await outputHere(['dag', 'resume', run, ...there])
  while (!(await showed(run)).nodes.some(({ node, state }) => node === 'review' && state === 'running')) {
    // The chat that comes before answers soon.
  }
  const watching = runHere(['dag', 'watch', run, ...there])
  await outputHere(['dag', 'cancel', run, ...there])
  const { code, stderr } = await watching
  assert.equal(code, 130)
  assert.match(stderr, /■ review/)
  assert.equal((await runHere(['dag', 'signal', run, 'review', ...there])).code, 78)
})

test('keeps graphs, and runs them by name', async () => {
  const kept = JSON.parse(await outputHere(['dag', 'keep', example('document-digest'), '--json', ...there])) as {
    name: string
  }
  assert.equal(kept.name, 'document-digest')
  assert.match(await outputHere(['dag', 'list', '--graphs', ...there]), /document-digest {2}[0-9a-f]{12} {2}Sums up/)
  const output = await outputHere([
    'dag',
    'run',
    'document-digest',
    '--kept',
    '--input',
    'parts=["one","two"]',
    ...there,
  ])
  assert.deepEqual(JSON.parse(output), { digest: 'one\ntwo', parts: 2 })
})

test('shows a run in a terminal as a tree that changes in place and fits', async () => {
  const input = ['--input', 'parts=["one","two"]']
  const { stderr } = await runHere(['dag', 'run', example('document-digest'), ...input, ...there], { columns: 30 })
  const frames = stderr.replaceAll('\x1b[', '␛').split(/␛(\d+)A␛J/)
  const last = (frames.at(-1) ?? '').trimEnd().split('\n')
  const nodes = last.map((line) => line.trimEnd())
  for (const line of ['✔ digest[0]', '  ✔ digest[0]/either', '✔ together'])
    assert.ok(nodes.includes(line), last.join('\n'))
  assert.ok(
    nodes.every((line) => line.length < 30),
    last.join('\n'),
  )
  // Each frame goes up by as many lines as the one before had.
  for (let place = 1; place < frames.length; place += 2) {
    const drawn = (frames[place - 1] ?? '').split('\n').length - 1 - (place === 1 ? 1 : 0)
    assert.equal(Number(frames[place]), drawn)
  }
})

test('runs in its own process, and says what fails, and where', async () => {
  const failing = join(folder, 'failing.yaml')
  await writeFile(failing, 'name: f\nnodes: [{ id: a, type: http, with: { url: "http://127.0.0.1:1/" } }]\n')
  const { code, stderr } = await runHere(['dag', 'run', failing, '--database', 'memory:'])
  assert.equal(code, 77)
  assert.match(stderr, /✖ a \(The host 127\.0\.0\.1:1 is not one/)
  assert.match(stderr, /PERMISSION_DENIED: Run .* has failed at a/)
})

test('validates graphs without a server, draws them, and runs by runs', async () => {
  assert.match(await outputHere(['dag', 'validate', example('polish-loop')]), /is valid/)
  const bad = await runHere(['dag', 'validate', '-', '--json'], {
    input: 'name: b\nnodes: [{ id: a, type: chat, with: { prompt: "${{ nodes.x.text }}" } }]',
  })
  assert.equal(bad.code, 64)
  assert.equal((JSON.parse(bad.stdout) as { problems: { path: string }[] }).problems[0]?.path, 'nodes[0].with.prompt')
  const svg = join(folder, 'loop.svg')
  await outputHere(['dag', 'graph', example('polish-loop'), '--output', svg])
  const drawn = await readFile(svg, 'utf8')
  for (const id of ['current', 'rewrite', 'enough']) assert.ok(drawn.includes(`>${id}<`), id)
  const run = (await outputHere(['dag', 'run', file, '--input', 'who=Eve', '--detach', ...there])).trim()
  assert.match(
    await outputHere(['dag', 'graph', '--run', run, ...there]),
    /^<svg [^]*data-state="(running|completed)"[^]*<\/svg>\n$/,
  )
})
