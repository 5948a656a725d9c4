import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HoldfastProcess } from '@holdfast/test-servers'
import { CliProcess } from '../cli-process.js'
import { outputHere } from '../cli-here.js'

// All six examples on one server, with the models that npm ci brings; recall answers for a language model.

const example = (name: string) =>
  fileURLToPath(new URL(`../../../../services/dag-execution/examples/${name}.yaml`, import.meta.url))

let folder: string
let web: Server
let url: string
let server: HoldfastProcess
let there: readonly string[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-examples-'))
  web = createServer((request, response) => {
    if (request.url !== '/7') response.statusCode = 404
    response.setHeader('content-type', 'application/json').end('7')
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  const { port } = web.address() as AddressInfo
  url = `http://127.0.0.1:${port}`
  server = await HoldfastProcess.start(['--database', 'memory:'], { HOLDFAST_DAG_HTTP_HOSTS: `127.0.0.1:${port}` })
  there = ['--server', server.address]
})

after(async () => {
  await server.stop()
  web.close()
  await rm(folder, { recursive: true, force: true })
})

async function outputs(args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await outputHere(args)) as Record<string, unknown>
}

async function magic(file: string): Promise<string> {
  return (await readFile(file)).subarray(0, 4).toString('latin1')
}

test('picture-story looks at a picture, tells a story, draws it and says it', async () => {
  const [barn, drawn, said] = ['barn.png', 'drawn.png', 'said.wav'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await outputHere(['imagine', 'a red barn', '--size', '256x256', '--output', barn, ...there])
  const save = ['--save', `picture=${drawn}`, '--save', `audio=${said}`]
  const { story } = await outputs([
    'dag',
    'run',
    example('picture-story'),
    '--input',
    `picture=@${barn}`,
    ...save,
    ...there,
  ])
  assert.ok(typeof story === 'string' && story !== '')
  assert.deepEqual([await magic(drawn), await magic(said)], ['\x89PNG', 'RIFF'])
})

test('document-digest sums up the long parts, and again from an item or a node of the graph within', async () => {
  const long = 'The harbour was quiet that morning, and the boats lay side by side under a thin fog until noon.'
  const parts = ['--input', `parts=${JSON.stringify(['short', long])}`]
  const digest = example('document-digest')
  const lines = (await outputHere(['dag', 'run', digest, ...parts, '--json', ...there])).trim().split('\n')
  const { run } = JSON.parse(lines.at(-1) ?? '') as { run: { id: string; outputs: { digest: string; parts: number } } }
  assert.deepEqual([run.outputs.digest.split('\n')[0], run.outputs.parts], ['short', 2])
  for (const [from, again] of [
    ['digest[0]', ['digest[0]', 'digest[0]/is_long', 'digest[0]/short', 'together']],
    ['digest[1]/either', ['digest[1]/either', 'together']],
  ] as const) {
    const events = await outputHere(['dag', 'retry', run.id, '--from', from, '--json', ...there])
    const told = events
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event?: Event }).event)
    const done = told.flatMap((event) =>
      event?.type === 'node-completed' && event.from === undefined ? [event.node] : [],
    )
    for (const node of again) assert.ok(done.includes(node), `${node} did not run again from ${from}`)
    assert.ok(!done.includes('digest[1]/is_long'), `digest[1]/is_long ran again from ${from}`)
  }
})

interface Event {
  readonly type: string
  readonly node?: string
  readonly from?: string
}

test('approval sends what was approved', async () => {
  const question = ['--input', 'question=What is my dog called?']
  const run = (await outputHere(['dag', 'run', example('approval'), ...question, '--detach', ...there])).trim()
  await outputHere(['dag', 'signal', run, 'review', 'true', ...there])
  const { result } = await outputs(['dag', 'watch', run, ...there])
  assert.equal((result as { to: string }).to, 'customer')
})

test('nightly-report runs on a schedule that is kept, listed, paused and deleted; then its graph is deleted', async () => {
  await outputHere(['dag', 'keep', example('nightly-report'), ...there])
  const urls = ['--input', `urls=${JSON.stringify([`${url}/7`, `${url}/8`])}`]
  const schedule = ['dag', 'schedule']
  const every = ['--graph', 'nightly-report', '--cron', '* * * * * *', '--zone', 'Europe/Berlin', '--missed', 'skip']
  const kept = await outputHere([...schedule, 'put', 'nightly', ...every, ...urls, ...there])
  assert.match(kept, /^nightly starts nightly-report and comes next at \d{4}-/)
  let runs: { readonly id: string; readonly outputs: unknown; readonly labels: { readonly schedule?: string } }[] = []
  while (runs.length === 0) {
    const list = ['dag', 'list', '--graph', 'nightly-report', '--state', 'succeeded', '--json', ...there]
    ;({ runs } = (await outputs(list)) as { runs: typeof runs })
  }
  assert.equal(runs[0]?.labels.schedule, 'nightly')
  const { run } = (await outputs(['dag', 'show', runs[0]?.id ?? '', '--json', ...there])) as {
    run: { outputs: { numbers: number[] } }
  }
  assert.deepEqual(run.outputs.numbers, [7])
  assert.equal(
    await outputHere([...schedule, 'pause', 'nightly', ...there]),
    'nightly starts nightly-report and is paused\n',
  )
  assert.match(
    await outputHere([...schedule, 'list', ...there]),
    /nightly +nightly-report +\* \* \* \* \* \* +Europe\/Berlin +paused/,
  )
  assert.match(await outputHere([...schedule, 'resume', 'nightly', ...there]), /comes next at/)
  await outputHere([...schedule, 'delete', 'nightly', ...there])
  assert.deepEqual(await outputs([...schedule, 'list', '--json', ...there]), { schedules: [] })
  await outputHere(['dag', 'delete', 'nightly-report', ...there])
  assert.ok(!(await outputHere(['dag', 'list', '--graphs', ...there])).includes('nightly-report'))
})

test('polish-loop goes round until the text is short enough, or four times', async () => {
  const input = ['--input', `text=${'many words '.repeat(30)}`, '--input', 'longest=20']
  const { rounds } = await outputs(['dag', 'run', example('polish-loop'), ...input, ...there])
  assert.ok(Number(rounds) >= 1 && Number(rounds) <= 4, String(rounds))
})

test('voice-assistant hears a WAV file and answers with one; killed in the middle, it ends with the same artifacts', async () => {
  const [question, answer] = [join(folder, 'question.wav'), join(folder, 'answer.wav')]
  await outputHere(['speak', 'What is my dog called?', '--output', question, ...there])
  const run = ['dag', 'run', example('voice-assistant'), '--input', `audio=@${question}`, '--key', 'k']
  const whole = await outputs([...run, '--save', `audio=${answer}`, ...there])
  assert.match(String(whole['heard']), /dog/i)
  assert.match(String(whole['answered']), /recall/)
  assert.equal(await magic(answer), 'RIFF')
  // In a process of its own, in a folder that knows nothing of what the server made.
  const data = ['--data', join(folder, 'data')]
  {
    await using killed = new CliProcess([...run, ...data])
    while (!killed.stderr.includes('✔ hear')) await new Promise((resolve) => setTimeout(resolve, 5))
    await killed.end('SIGKILL')
  }
  assert.deepEqual(await outputs([...run, ...data]), whole)
})
