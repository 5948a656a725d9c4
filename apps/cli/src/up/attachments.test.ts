import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { CliProcess, runCli } from '../cli-process.js'

const pictures = join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'models', 'test-pictures')

test('says what is on a picture and in a recording of a conversation, finds it by that, speaks the reply, and knows what all was made from', async () => {
  const ports = ['--listen', '127.0.0.1:0', '--metrics', 'off']
  await using server = new CliProcess(['up', '--json', '--database', 'memory:', ...ports])
  const { grpc } = JSON.parse(await server.firstLine()) as { grpc: string }
  await using clients = createClients({ address: grpc })
  const content = await readFile(join(pictures, 'cat.jpg'))
  const { id: hash } = await clients.artifacts.upload(content, { contentType: 'image/jpeg', name: 'cat.jpg' })
  const { conversation } = await clients.chat.createConversation({ userId: 'ada' })
  const conversationId = conversation?.id ?? ''
  const blob = { hash, contentType: 'image/jpeg', name: 'cat.jpg' }
  const parts = [{ content: { $case: 'blob', value: blob } }, { content: { $case: 'text', value: 'Look!' } }] as const
  for await (const _ of clients.chat.streamChat({ conversationId, parts: [...parts] }));
  const { messages } = await clients.chat.getMessages({ conversationId })
  const made = messages[0]?.parts[1]
  assert.equal(made?.madeFrom, hash)
  assert.match(made?.content?.$case === 'text' ? made.content.value : '', /^\[cat\.jpg: .*\bcat\b.*\]$/s)
  const { hits } = await clients.chat.searchMessages({ userId: 'ada', query: 'cat' })
  assert.equal(hits[0]?.message?.seq, 1)
  const { madeFrom } = await clients.artifacts.getLineage({ id: `${conversationId}/1` })
  assert.ok(JSON.stringify(madeFrom).includes(hash))

  const said = { source: { $case: 'text', value: 'Where is the harbor?' } } as const
  const { job } = await clients.textToSpeech.speak({ input: said })
  const recording = job?.speech?.audio?.id ?? ''
  const heard = { content: { $case: 'blob', value: { hash: recording, contentType: 'audio/wav', name: '' } } } as const
  for await (const _ of clients.chat.streamChat({ conversationId, parts: [heard], spoken: {} }));
  const { messages: later } = await clients.chat.getMessages({ conversationId })
  const [question, reply] = later.slice(-2)
  assert.equal(question?.parts[1]?.madeFrom, recording)
  const text = question?.parts[1]?.content
  assert.match(text?.$case === 'text' ? text.value : '', /where is the harbou?r/i)
  const sound = reply?.parts.find(({ content }) => content?.$case === 'blob')?.content
  assert.equal(sound?.$case === 'blob' ? sound.value.contentType : '', 'audio/wav')
  const spoken = sound?.$case === 'blob' ? sound.value.hash : ''
  const { job: again } = await clients.speechToText.transcribe({
    audio: { source: { $case: 'artifactId', value: spoken } },
  })
  assert.match(again?.transcript?.text ?? '', /recall/i)
  const from = await clients.artifacts.getLineage({ id: spoken })
  assert.deepEqual(
    from.madeFrom.map(({ id }) => id),
    [`${conversationId}/${question?.seq}`],
  )

  // The same from the command, without a word: the picture is the message.
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-attached-'))
  try {
    const to = ['chat', '--server', grpc, '--user', 'ada', '--json']
    const sent = await runCli([...to, '--attach', join(pictures, 'cat.jpg'), '--spoken', join(folder, 'reply.wav')])
    assert.equal(sent.code, 0, sent.stderr)
    const { conversation: id, seq } = JSON.parse(sent.stdout) as { conversation: string; seq: number }
    assert.equal(seq, 2)
    const { messages: own } = await clients.chat.getMessages({ conversationId: id })
    assert.deepEqual(
      own[0]?.parts.map(({ content: part }) => part?.$case),
      ['blob', 'text'],
    )
    assert.equal(own[0]?.parts[1]?.madeFrom, hash)
    assert.equal((await readFile(join(folder, 'reply.wav'))).toString('latin1', 0, 4), 'RIFF')
    const wrong = await runCli([...to, '--attach', 'notes.txt'])
    assert.deepEqual([wrong.code, wrong.stdout], [64, ''])
    assert.match(wrong.stderr, /--attach is notes\.txt: its name must end with \.png/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  assert.equal(await server.end('SIGTERM'), 0)
})
