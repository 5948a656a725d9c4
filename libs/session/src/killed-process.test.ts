import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { follow, textsOf, until, user } from './conformance/stage.js'
import { openConversationStore } from './open-conversation-store.js'

it('keeps what was durable of a reply whose process was killed, and lets the conversation go on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-killed-'))
  try {
    const program = join(import.meta.dirname, 'killed-process.test.child.js')
    const child = spawn(process.execPath, [program, `embedded:${folder}`, 'story'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let durable = 0
    for await (const line of createInterface({ input: child.stdout })) {
      durable = Number(line)
      if (durable === 25) child.kill('SIGKILL')
    }
    await exited
    assert(durable >= 25)

    await using documents = await openDocumentStore(`embedded:${folder}`)
    await using store = await openConversationStore(documents)
    await until(async () => (await store.get('story')).activeReplyId === undefined)
    const [, reply] = await store.messages('story')
    assert.equal(reply?.reply?.status, 'interrupted')
    const [text = ''] = textsOf([reply])
    const words = text.trimEnd().split(' ')
    assert(words.length >= durable, `${words.length} words are left of ${durable} that were durable`)
    assert.deepEqual(
      words,
      words.map((_, index) => `word${index + 1}`),
    )
    assert.equal((await follow(store, reply.reply.id)).text, text)
    const next = await store.beginTurn('story', { messages: [user('Thank you.')] })
    assert(next.started)
    await next.turn.finish({ status: 'complete' })
    assert.equal((await store.get('story')).lastSeq, 4)
  } finally {
    await rm(folder, { recursive: true })
  }
})
