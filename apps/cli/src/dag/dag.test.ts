import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HoldfastProcess } from '@holdfast/test-servers'
import { CliProcess, outputOf, runCli } from '../cli-process.js'

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
  return JSON.parse(await outputOf(['dag', 'show', run, '--json', ...there]))
}

test('runs a graph on a server: approval by signal, list, show, watch, retry', async () => {
  const run = (await outputOf(['dag', 'run', file, '--input', 'who=Ada', '--detach', ...there])).trim()
  await outputOf(['dag', 'signal', run, 'review', 'true', ...there])
  const watched = await outputOf(['dag', 'watch', run, '--json', ...there])
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
  assert.match(await outputOf(['dag', 'show', run, ...there]), /ask +chat +completed +1/)
  const { runs } = JSON.parse(await outputOf(['dag', 'list', '--state', 'succeeded', '--json', ...there])) as {
    runs: { id: string }[]
  }
  assert.deepEqual(
    runs.map(({ id }) => id),
    [run],
  )
  const again = await runCli(['dag', 'retry', run, '--from', 'sent', '--json', ...there])
  const last = JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '') as { run: { rerunOf: string; state: string } }
  assert.deepEqual([again.code, last.run.rerunOf, last.run.state], [0, run, 'succeeded'])
  assert.ok(!again.stdout.includes('"type":"node-started"'), 'what was recorded runs again')
})

test('pauses, resumes and cancels; a cancelled run ends the command that shows it', async () => {
  const key = ['--key', 'one']
  const run = (await outputOf(['dag', 'run', file, '--input', 'who=Bob', ...key, '--detach', ...there])).trim()
  assert.equal((await outputOf(['dag', 'run', file, '--input', 'who=Bob', ...key, '--detach', ...there])).trim(), run)
  await outputOf(['dag', 'pause', run, ...there])
  await outputOf(['dag', 'resume', run, ...there])
  await using watching = new CliProcess(['dag', 'watch', run, ...there])
  await outputOf(['dag', 'cancel', run, ...there])
  assert.equal(await watching.end(), 130)
  assert.match(watching.stderr, /■ review/)
  assert.equal((await runCli(['dag', 'signal', run, 'review', ...there])).code, 78)
})

test('keeps graphs, and runs them by name', async () => {
  const kept = JSON.parse(await outputOf(['dag', 'keep', example('document-digest'), '--json', ...there])) as {
    name: string
  }
  assert.equal(kept.name, 'document-digest')
  assert.match(await outputOf(['dag', 'list', '--graphs', ...there]), /document-digest {2}[0-9a-f]{12} {2}Sums up/)
  const output = await outputOf(['dag', 'run', 'document-digest', '--kept', '--input', 'parts=["one","two"]', ...there])
  assert.deepEqual(JSON.parse(output), { digest: 'one\ntwo', parts: 2 })
})

test('runs in its own process, and says what fails, and where', async () => {
  const failing = join(folder, 'failing.yaml')
  await writeFile(failing, 'name: f\nnodes: [{ id: a, type: http, with: { url: "http://127.0.0.1:1/" } }]\n')
  const { code, stderr } = await runCli(['dag', 'run', failing, '--database', 'memory:'])
  assert.equal(code, 77)
  assert.match(stderr, /✖ a \(The host 127\.0\.0\.1:1 is not one/)
  assert.match(stderr, /PERMISSION_DENIED: Run .* has failed at a/)
})

test('a run whose process is killed goes on with the next one', async () => {
  const data = ['--data', join(folder, 'data')]
  const slow = join(folder, 'slow.yaml')
  await writeFile(
    slow,
    'name: s\nnodes:\n  - { id: a, type: transform, with: { value: 1 } }\n  - { id: w, type: wait, with: { ms: 4000 }, needs: [a] }\noutputs: { a: "${{ nodes.a.value }}" }\n',
  )
  {
    await using first = new CliProcess(['dag', 'run', slow, '--key', 'k', '--json', ...data])
    await first.firstLine()
  }
  const output = await outputOf(['dag', 'run', slow, '--key', 'k', ...data])
  assert.deepEqual(JSON.parse(output), { a: 1 })
})

test('validates graphs without a server, draws them, and runs by runs', async () => {
  assert.match(await outputOf(['dag', 'validate', example('polish-loop')]), /is valid/)
  const bad = await runCli(['dag', 'validate', '-', '--json'], {
    input: 'name: b\nnodes: [{ id: a, type: chat, with: { prompt: "${{ nodes.x.text }}" } }]',
  })
  assert.equal(bad.code, 64)
  assert.equal((JSON.parse(bad.stdout) as { problems: { path: string }[] }).problems[0]?.path, 'nodes[0].with.prompt')
  const svg = join(folder, 'loop.svg')
  await outputOf(['dag', 'graph', example('polish-loop'), '--output', svg])
  const drawn = await readFile(svg, 'utf8')
  for (const id of ['current', 'rewrite', 'enough']) assert.ok(drawn.includes(`>${id}<`), id)
  const run = (await outputOf(['dag', 'run', file, '--input', 'who=Eve', '--detach', ...there])).trim()
  assert.match(
    await outputOf(['dag', 'graph', '--run', run, ...there]),
    /^<svg [^]*data-state="(running|completed)"[^]*<\/svg>\n$/,
  )
})
