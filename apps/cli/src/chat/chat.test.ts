import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { textOf } from '@holdfast/session'
import { HoldfastProcess, type PacedModel, startPacedModel } from '@holdfast/test-servers'
import { conversationsOverGrpc } from '../access/over-grpc.js'
import { CliProcess, outputOf, runCli } from '../cli-process.js'
import { Output } from '../output.js'
import { ConversationChat } from './conversation-chat.js'
import { chatInTerminal } from './terminal-chat.js'

const pieces = Array.from({ length: 200 }, (_, index) => `word${index} `)
const interrupt = '\u0003'
const endOfInput = '\u0004'

let recall: HoldfastProcess
let model: PacedModel
let slow: HoldfastProcess
let clients: Clients

before(async () => {
  recall = await HoldfastProcess.start(['--database', 'memory:'])
  model = await startPacedModel(pieces, 20)
  const environment = { HOLDFAST_MODEL_BASE_URL: model.baseUrl, HOLDFAST_MODEL_NAME: 'paced' }
  slow = await HoldfastProcess.start(['--database', 'memory:'], environment)
  clients = createClients({ address: slow.address })
})

after(async () => {
  clients.close()
  await Promise.all([recall.stop(), slow.stop()])
  await model[Symbol.asyncDispose]()
})

test('a piped chat sends each line and prints each reply, and goes on in an old conversation', async () => {
  const args = ['chat', '--server', recall.address, '--user', 'ada', '--conversation', 'c1']
  const first = await runCli(args, { input: 'My cat is called Mitzi.\n\n' })
  assert.equal(first.code, 0)
  assert.match(first.stderr, /holdfast chat --conversation c1/)
  const [reply] = (await outputOf([...args, '--json'], { input: 'What is my cat called?' })).split('\n')
  const { conversation, seq, text, reply: made } = JSON.parse(reply ?? '')
  assert.deepEqual([conversation, seq, made.status, made.model], ['c1', 4, 'complete', 'recall'])
  assert.match(text, /My cat is called Mitzi\./)
})

test('a piped chat without a conversation makes one', async () => {
  const { stderr } = await runCli(['chat', '--server', recall.address], { input: 'Hello' })
  const id = /--conversation (\S+)/.exec(stderr)?.[1] ?? ''
  const shown = await outputOf(['conversations', 'show', id, '--server', recall.address])
  assert.match(shown, /#1 user.*\nHello\n\n#2 assistant \(recall\)/)
})

test('says how to start a server when there is none, with exit code 69', async () => {
  const { code, stderr } = await runCli(['chat', '--server', '127.0.0.1:1'], { input: 'Hello' })
  assert.equal(code, 69)
  assert.match(stderr, /^holdfast: UNAVAILABLE: No server answers at 127\.0\.0\.1:1: start one with `holdfast up`/)
})

test('SIGINT cancels the reply of a piped chat, and what came of it is stored', async () => {
  await using chat = new CliProcess(['chat', '--server', slow.address, '--conversation', 'piped'])
  chat.child.stdin?.end('Go on\n')
  assert.ok(chat.child.stdout)
  await once(chat.child.stdout, 'data')
  assert.equal(await chat.end('SIGINT'), 130)
  const [, reply] = await conversationsOverGrpc(clients.chat).messages('piped')
  assert.ok(reply)
  assert.equal(reply.reply?.status, 'cancelled')
  assert.ok(textOf(reply).startsWith('word0 ') && textOf(reply).length < pieces.join('').length)
})

/** What a person sees and types. */
class Screen {
  readonly keyboard: PassThrough = new PassThrough()
  readonly out: Output
  #seen = ''
  #waiting: (() => void) | undefined

  constructor() {
    const screen = new PassThrough()
    screen.setEncoding('utf8').on('data', (text: string) => {
      this.#seen += text
      this.#waiting?.()
    })
    this.out = new Output(screen)
  }

  /** Resolves when the text has appeared after all that was waited for before. */
  async shows(text: string): Promise<void> {
    while (!this.#seen.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    this.#seen = this.#seen.slice(this.#seen.indexOf(text) + text.length)
  }
}

test('in a terminal Ctrl-C stops the reply, not the conversation; twice at the prompt it leaves', async () => {
  const screen = new Screen()
  const chat = new ConversationChat(clients.chat, { conversationId: 'typed', userId: 'ada' })
  const signal = new AbortController().signal
  const chatting = chatInTerminal(chat, { input: screen.keyboard, out: screen.out, signal })
  await screen.shows('you> ')
  screen.keyboard.write('Go on\r')
  await screen.shows('word0 word1 ')
  screen.keyboard.write(interrupt)
  await screen.shows('[cancelled]')
  await screen.shows('you> ')
  screen.keyboard.write('And again\r')
  await screen.shows('word0 ')
  screen.keyboard.write(interrupt)
  await screen.shows('[cancelled]')
  await screen.shows('you> ')
  screen.keyboard.write(`half a line${interrupt}`)
  await screen.shows('(Ctrl-C again or Ctrl-D leaves)')
  await screen.shows('you> ')
  screen.keyboard.write(interrupt)
  await chatting
  const messages = await conversationsOverGrpc(clients.chat).messages('typed')
  assert.deepEqual(
    messages.map(({ role, reply }) => reply?.status ?? role),
    ['user', 'cancelled', 'user', 'cancelled'],
  )
})

test('in a terminal an old conversation shows its running reply to the end, and Ctrl-D leaves', async () => {
  await clients.chat.createConversation({ conversationId: 'running' })
  const parts = [{ content: { $case: 'text' as const, value: 'Go on' } }]
  for await (const { event } of clients.chat.streamChat({ conversationId: 'running', parts })) {
    if (event?.$case === 'delta') break
  }
  const screen = new Screen()
  const chat = new ConversationChat(clients.chat, { conversationId: 'running', userId: 'ada' })
  const { history, activeReplyId } = await chat.open(10)
  assert.deepEqual(history.map(textOf), ['Go on'])
  const signal = new AbortController().signal
  const chatting = chatInTerminal(chat, { input: screen.keyboard, out: screen.out, signal }, activeReplyId)
  await screen.shows(pieces.slice(0, 30).join(''))
  await screen.shows(pieces.slice(-30).join(''))
  await screen.shows('you> ')
  screen.keyboard.write(endOfInput)
  await chatting
})

test('in a terminal a failure is shown, and the chat goes on', async () => {
  const screen = new Screen()
  await using none = createClients({ address: '127.0.0.1:1', maxAttempts: 1 })
  const chat = new ConversationChat(none.chat, { conversationId: 'lost', userId: 'ada' })
  const chatting = chatInTerminal(chat, {
    input: screen.keyboard,
    out: screen.out,
    signal: new AbortController().signal,
  })
  await screen.shows('you> ')
  screen.keyboard.write('Hello\r')
  await screen.shows('holdfast: UNAVAILABLE: ')
  await screen.shows('you> ')
  screen.keyboard.write(endOfInput)
  await chatting
})
