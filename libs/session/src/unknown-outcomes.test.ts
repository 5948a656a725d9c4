import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, type Log, openDocumentStore } from '@holdfast/persistence'
import { takeTurn, textsOf, user } from './conformance/stage.js'
import type { ConversationStore } from './conversation-store.js'
import { openConversationStore } from './open-conversation-store.js'

/** The real store in memory, whose next commits lose their answer: after they took effect, or before. */
class LossyAnswers {
  readonly real: DocumentStore
  #next: ('after' | 'before')[] = []

  constructor(real: DocumentStore) {
    this.real = real
  }

  lose(...next: ('after' | 'before')[]): void {
    assert.ok(this.allLost, 'what was to be lost came by a way that loses nothing')
    this.#next = next
  }

  get allLost(): boolean {
    return this.#next.length === 0
  }

  store(): DocumentStore {
    const transaction: DocumentStore['transaction'] = (work, options) =>
      this.#lossy(() => this.real.transaction(work, options))
    const log = <T>(name: string): Log<T> => {
      const real = this.real.log<T>(name)
      const append: Log<T>['append'] = (...call) => this.#lossy(() => real.append(...call))
      const appendHeld: Log<T>['appendHeld'] = (...call) => this.#lossy(() => real.appendHeld(...call))
      return overriding(real, { append, appendHeld })
    }
    const createTogether: DocumentStore['createTogether'] = (place, make) =>
      this.#lossy(() => this.real.createTogether(place, make))
    return overriding(this.real, { transaction, createTogether, log })
  }

  async #lossy<R>(work: () => Promise<R>): Promise<R> {
    const loss = this.#next.shift()
    const cut = new HoldfastError('UNKNOWN', 'The connection was lost at the commit')
    if (loss === 'before') throw cut
    const result = await work()
    if (loss === 'after') throw cut
    return result
  }
}

function overriding<T extends object>(real: T, methods: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

describe('commits whose outcome is unknown', () => {
  let lossy: LossyAnswers
  let store: ConversationStore
  before(async () => {
    lossy = new LossyAnswers(await openDocumentStore('memory:'))
    store = await openConversationStore(lossy.store(), { maintenanceIntervalMs: 0 })
  })
  after(async () => {
    await store.close()
    await lossy.real.close()
  })

  for (const [name, loss] of [
    ['took effect', ['after', 'after']],
    ['did not take effect', ['before', 'before']],
    ['did and did not', ['before', 'after', 'before']],
  ] as const) {
    it(`are resolved by their keys when they ${name}`, async () => {
      const id = `c-${name.replaceAll(' ', '-')}`
      lossy.lose(...loss)
      assert.equal((await store.create({ id })).version, 1)
      lossy.lose(...loss)
      const [message] = await store.append(id, [user('without a key')])
      assert.equal(message?.seq, 1)
      lossy.lose(...loss)
      const turn = await takeTurn(store, id, { messages: [user('why?')] })
      turn.write('because')
      await turn.flushed()
      lossy.lose(...loss)
      const reply = await turn.finish({ status: 'complete' })
      assert.equal(reply.seq, 3)
      lossy.lose(...loss)
      assert.equal((await store.redact(id, 1)).redacted, true)
      assert.deepEqual(textsOf(await store.messages(id)), ['', 'why?', 'because'])
      lossy.lose(...loss)
      const fork = await store.fork(id, { id: `${id}-fork` })
      assert.equal(fork.lastSeq, 3)
      assert(lossy.allLost)
    })
  }

  it('stay UNKNOWN when nobody can tell in time, and can be repeated with their key', async () => {
    const { id } = await store.create()
    const message = { ...user('hello'), key: 'k' }
    lossy.lose('after', 'before', 'before', 'before')
    await assert.rejects(store.append(id, [message]), { code: 'UNKNOWN' })
    assert.deepEqual(
      (await store.append(id, [message])).map(({ seq }) => seq),
      [1],
    )
  })
})
