import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CliProcess, outputOf } from '../cli-process.js'

const assistant = fileURLToPath(
  new URL('../../../../services/dag-execution/examples/voice-assistant.yaml', import.meta.url),
)

test('the voice assistant hears a WAV file and answers with one; killed in the middle, it ends with the same artifact', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-voice-'))
  try {
    const question = join(folder, 'question.wav')
    const answer = join(folder, 'answer.wav')
    const data = ['--data', join(folder, 'data')]
    await outputOf(['speak', 'What is my dog called?', '--output', question, ...data])
    const run = ['dag', 'run', assistant, '--input', `audio=@${question}`, '--key', 'k']
    {
      await using killed = new CliProcess([...run, ...data])
      while (!killed.stderr.includes('✔ hear')) await new Promise((resolve) => setTimeout(resolve, 10))
      await killed.end('SIGKILL')
    }
    const whole = JSON.parse(await outputOf([...run, '--save', `audio=${answer}`, ...data])) as Record<string, string>
    assert.match(whole['heard'] ?? '', /dog/i)
    assert.match(whole['answered'] ?? '', /recall/)
    assert.equal((await readFile(answer)).subarray(0, 4).toString(), 'RIFF')
    assert.deepEqual(JSON.parse(await outputOf([...run, ...data])), whole)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
