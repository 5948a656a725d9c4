import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { ChatEvent, ChatMessage, ChatRequest } from '../chat-model.js'
import type { Quote, Retrieve, RetrieveQuery } from './quote.js'
import { recallModel } from './recall-model.js'

function user(text: string, seq?: number): ChatMessage {
  return { role: 'user', parts: [{ type: 'text', text }], ...(seq === undefined ? {} : { seq }) }
}

function asking(text: string): ChatRequest {
  return { messages: [user(text, 9)], userId: 'ada', conversationId: 'now' }
}

function quote(text: string, of: Partial<Quote> = {}): Quote {
  const at = new Date('2026-05-03T23:30:00Z')
  return { conversationId: 'c-1', title: 'Pets', seq: 1, role: 'user', at, score: 1, ...of, text }
}

function finding(...quotes: Quote[]): Retrieve {
  return () => Promise.resolve(quotes)
}

async function heard(retrieve: Retrieve, request: ChatRequest, signal?: AbortSignal): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  const options = signal === undefined ? {} : { signal }
  for await (const one of recallModel({ retrieve }).stream(request, options)) events.push(one)
  return events
}

function textOf(events: readonly ChatEvent[]): string {
  return events.map((one) => (one.type === 'text' ? one.text : '')).join('')
}

async function answer(question: string, ...quotes: Quote[]): Promise<string> {
  return textOf(await heard(finding(...quotes), asking(question)))
}

const never: Retrieve = () => assert.fail('searched')

describe('recall', () => {
  it('quotes what the user said before, with its date and its conversation, and says what it is', async () => {
    assert.equal(
      await answer('What is my dog called?', quote('My dog is called Rex.')),
      'I am recall, not a language model: I can only quote what you said before.\n\n' +
        'On 3 May 2026, in “Pets”, you said: “My dog is called Rex.”',
    )
  })

  it('says that it knows nothing where it finds nothing, and what it is', async () => {
    const text = await answer('What is my dog called?')
    assert.match(text, /I know nothing about this/)
    assert.match(text, /recall, not a language model/)
  })

  it('streams a few words at a time and ends with one finish of model recall', async () => {
    const events = await heard(finding(quote('My dog is called Rex.')), asking('What is my dog called?'))
    assert.ok(events.length > 8)
    for (const one of events.slice(0, -1)) assert.ok(one.type === 'text' && one.text.length <= 48)
    assert.deepEqual(events.at(-1), { type: 'finish', reason: 'stop', model: 'recall' })
  })

  it('searches the words of the question, for this user, without the question itself', async () => {
    const queries: RetrieveQuery[] = []
    const retrieve: Retrieve = (query) => {
      queries.push(query)
      return Promise.resolve([])
    }
    const question = 'Do you remember what I told you about my dog Rex?'
    const history: ChatMessage[] = [
      user('Hello', 1),
      { role: 'assistant', parts: [{ type: 'text', text: 'Hi' }], seq: 2 },
      user(question, 3),
    ]
    await heard(retrieve, { messages: history, userId: 'ada', conversationId: 'now' })
    assert.deepEqual(queries, [
      { userId: 'ada', query: 'dog rex', question, limit: 12, exclude: [{ conversationId: 'now', seq: 3 }] },
    ])
  })

  it('names a conversation without a title by its id, and the present one as such', async () => {
    const untitled = { conversationId: 'c-2', title: ' ' }
    assert.match(
      await answer('dog?', quote('My dog is Rex.', untitled)),
      /On 3 May 2026, in conversation c-2, you said/,
    )
    const present = { conversationId: 'now', title: 'Now' }
    assert.match(
      await answer('dog?', quote('My dog is Rex.', present)),
      /On 3 May 2026, in this conversation, you said/,
    )
  })

  it('cuts long titles', async () => {
    const text = await answer('dog?', quote('My dog is Rex.', { title: 'All about\npets '.repeat(50) }))
    assert.match(text, /in “All about pets All about .{10,60}…”, you said/)
  })

  it('quotes at most three passages, the best first', async () => {
    const quotes = [1, 2, 3, 4, 5].map((n) => quote(`My dog likes ball ${n}.`, { seq: n, score: 10 + n }))
    const quoted = [...(await answer('dog', ...quotes)).matchAll(/ball (\d)/g)].map((one) => one[1])
    assert.deepEqual(quoted, ['5', '4', '3'])
  })

  it('quotes what has none of the question’s words only if it means nearly the same', async () => {
    const near = quote('We bought a puppy.', { similarity: 0.7 })
    const far = quote('The train is late.', { similarity: 0.5, score: 0.9, seq: 2 })
    assert.match(await answer('What is my dog called?', near, far), /puppy/)
    assert.doesNotMatch(await answer('What is my dog called?', near, far), /train/)
    assert.match(await answer('What is my dog called?', far), /I know nothing about this/)
  })

  it('leaves out what is far behind the best', async () => {
    const text = await answer(
      'dog',
      quote('My dog is Rex.', { score: 10 }),
      quote('A dog barked.', { seq: 2, score: 4 }),
    )
    assert.ok(text.includes('Rex') && !text.includes('barked'))
  })

  it('gives the same bytes for the same quotes in any order, the newer first where they are equal', async () => {
    const quotes = [
      quote('My dog is old.', { at: new Date('2026-01-01') }),
      quote('My dog is young.', { at: new Date('2026-02-01') }),
      quote('My dog is brown.', { conversationId: 'c-0' }),
    ]
    const one = await answer('dog', ...quotes)
    assert.equal(await answer('dog', ...quotes.toReversed()), one)
    assert.ok(one.indexOf('brown') < one.indexOf('young') && one.indexOf('young') < one.indexOf('old'))
  })

  it('never quotes the question itself, wherever and however it was asked before', async () => {
    const text = await answer(
      'Where does my dog sleep?',
      quote('Where does my dog sleep?', { conversationId: 'now', seq: 9, score: 9 }),
      quote('where does my DOG sleep', { conversationId: 'c-7', score: 8 }),
      quote('My dog sleeps in the kitchen.', { score: 7 }),
    )
    assert.equal(text.match(/you said:/g)?.length, 1)
    assert.match(text, /kitchen/)
  })

  it('does not quote the question even if a search returns it with other text', async () => {
    assert.match(
      await answer('dog?', quote('edited since', { conversationId: 'now', seq: 9 })),
      /I know nothing about this/,
    )
  })

  it('quotes other questions, which answer nothing, only where there is nothing else', async () => {
    const question = quote('What dog food is best?', { score: 9 })
    const text = await answer('dog food', question, quote('I buy dog food on Mondays.', { seq: 2, score: 2 }))
    assert.ok(!text.includes('best') && text.includes('Mondays'))
    assert.match(await answer('dog food', question), /you asked: “What dog food is best\?”/)
  })

  it('quotes each text once, however often it was said and in how many branches it stands', async () => {
    const text = await answer('dog', quote('My dog is Rex.'), quote('my dog is Rex', { conversationId: 'fork' }))
    assert.equal(text.match(/you said:/g)?.length, 1)
  })

  it('quotes only what the user said: not what assistants answered, and not itself', async () => {
    for (const role of ['assistant', 'system', 'tool'] as const) {
      assert.match(await answer('dog', quote('The dog is Rex.', { role })), /I know nothing about this/)
    }
  })

  it('skips quotes without words', async () => {
    assert.match(await answer('dog', quote(''), quote(' … ')), /I know nothing about this/)
  })

  it('greets who greets, and searches nothing', async () => {
    for (const text of ['Hello', 'hi there!', 'Good morning', 'Thanks a lot', 'thank you very much :)']) {
      assert.match(textOf(await heard(never, asking(text))), /^Hello\. I am recall, not a language model/)
    }
  })

  it('asks for something to look for where the message has nothing', async () => {
    for (const text of ['', ' \n ', '???', '👋', 'What did you say about that?', 'Who are you?']) {
      const said = textOf(await heard(never, asking(text)))
      assert.match(said, /recall, not a language model.*names nothing to look for/, text)
    }
    const image: ChatMessage = { role: 'user', parts: [{ type: 'image', url: 'data:image/gif;base64,AA==' }] }
    assert.match(textOf(await heard(never, { messages: [image], userId: 'ada' })), /names nothing to look for/)
    assert.match(textOf(await heard(never, { messages: [], userId: 'ada' })), /names nothing to look for/)
  })

  it('never searches without a user: nobody else may be quoted', async () => {
    for (const userId of [undefined, '']) {
      const request = { messages: [user('dog')], ...(userId === undefined ? {} : { userId }) }
      assert.match(textOf(await heard(never, request)), /belongs to no user/)
    }
  })

  it('throws what the search throws: an outage is no answer', async () => {
    const outage = new HoldfastError('UNAVAILABLE', 'The database is away')
    await assert.rejects(
      heard(() => Promise.reject(outage), asking('dog')),
      outage,
    )
    await assert.rejects(
      heard(() => Promise.reject(new TypeError('oops')), asking('dog')),
      { name: 'HoldfastError', code: 'INTERNAL' },
    )
  })

  it('can be cancelled before, while it searches, and between pieces', async () => {
    const before = AbortSignal.abort()
    await assert.rejects(heard(never, asking('dog'), before), { code: 'CANCELLED' })

    const searching = new AbortController()
    const endless: Retrieve = () => {
      setImmediate(() => searching.abort('stop'))
      return new Promise(() => undefined)
    }
    await assert.rejects(heard(endless, asking('dog'), searching.signal), { code: 'CANCELLED', cause: 'stop' })

    const speaking = new AbortController()
    const said: ChatEvent[] = []
    await assert.rejects(
      async () => {
        const { signal } = speaking
        for await (const one of recallModel({ retrieve: finding() }).stream(asking('dog'), { signal })) {
          said.push(one)
          if (said.length === 2) setImmediate(() => speaking.abort())
        }
      },
      { code: 'CANCELLED' },
    )
    assert.ok(said.length >= 2 && said.length <= 4, String(said.length))
  })

  it('passes the signal to the search and leaves nothing on it', async () => {
    const { signal } = new AbortController()
    let passed: AbortSignal | undefined
    await heard(
      (query) => {
        passed = query.signal
        return Promise.resolve([])
      },
      asking('dog'),
      signal,
    )
    assert.equal(passed, signal)
    assert.deepEqual(getEventListeners(signal, 'abort'), [])
  })

  it('looks only at the beginning of what is very long, so that nothing else waits for it', async () => {
    const long = `My dog is Rex. ${'And so on. '.repeat(1_000_000)}`
    const startedAt = performance.now()
    assert.match(await answer(long, quote(long), quote(`${long}!`, { seq: 2 })), /I know nothing about this/)
    assert.match(await answer('dog', quote(long)), /My dog is Rex\./)
    assert.ok(performance.now() - startedAt < 2_000)
  })

  it('is always reachable', async () => {
    const model = recallModel({ retrieve: never })
    assert.deepEqual([model.name, model.kind, (await model.check()).ok], ['recall', 'recall', true])
  })
})
