import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, type TenantStore, openDocumentStore } from '@holdfast/persistence'
import { Puppet, custom, eventsOf } from '../conformance/stage.js'
import { openLocalEngine } from './local-engine.js'

const graph = { name: 'g', nodes: [custom('a', 1)], outputs: { a: '${{ nodes.a.output }}' } }
const leaseMs = 200
/** Takes up what it has begun itself, and nothing later. */
const once = { leaseMs, pollMs: 3_600_000 }
const often = { leaseMs, pollMs: 20 }

describe('a run that is taken over from a process that was only held up', () => {
  let opened: DocumentStore | undefined
  after(() => opened?.close())

  it('is closed to it before anything is done again', async () => {
    const store = (opened ??= await openDocumentStore('memory:')).tenant('closed')
    const heldUp = new HeldUp()
    const puppet = new Puppet()
    const executors = { custom: puppet.execute }
    await using first = await openLocalEngine(heldUp.on(store), { ...once, executors })
    const { id } = await first.start({ graph })
    await puppet.answer('a', 'first')
    await heldUp.isWriting
    await using second = await openLocalEngine(store, { ...often, executors })
    await puppet.asked('a')
    await heldUp.goOn()
    await puppet.answer('a', 'second')
    assert.deepEqual((await second.wait(id)).outputs, { a: 'second' })
    const events = (await eventsOf(second, id)).map(({ type }) => type)
    assert.deepEqual(events, ['run-started', 'node-started', 'run-taken-over', 'node-completed', 'run-completed'])
  })

  it('does nothing again that it has recorded just before', async () => {
    const store = (opened ??= await openDocumentStore('memory:')).tenant('recorded')
    const heldUp = new HeldUp()
    const puppet = new Puppet()
    const executors = { custom: puppet.execute }
    await using first = await openLocalEngine(heldUp.on(store), { ...once, executors })
    const { id } = await first.start({ graph })
    await puppet.answer('a', 'first')
    await heldUp.isWriting
    // What it held up is written between the other's look and its first word.
    const before = () => heldUp.goOn()
    await using second = await openLocalEngine(withAppends(store, before), { ...often, executors })
    assert.deepEqual((await second.wait(id)).outputs, { a: 'first' })
    assert.deepEqual(
      puppet.calls.map(({ attempt }) => attempt),
      [1],
    )
  })
})

/** A process that is held up, as by a database that is away for it: its second append stands still, and its lease runs out. */
class HeldUp {
  readonly isWriting: Promise<void>
  #writes = 0
  #begun = () => {}
  #release = () => {}
  #written: Promise<unknown> = Promise.resolve()

  constructor() {
    this.isWriting = new Promise((resolve) => {
      this.#begun = resolve
    })
  }

  on(store: TenantStore): TenantStore {
    return withAppends(
      store,
      async () => {
        this.#writes += 1
        if (this.#writes !== 2) return
        const released = new Promise<void>((resolve) => {
          this.#release = resolve
        })
        this.#begun()
        await released
      },
      { isCutOff: true, wrote: (written) => void (this.#written = written) },
    )
  }

  /** Ends when what was held up is written, or refused. */
  async goOn(): Promise<void> {
    this.#release()
    await new Promise(setImmediate)
    await this.#written.catch(() => undefined)
  }
}

/** A store that does something before each append to the log of a run.
 *  @param isCutOff its leases cannot be renewed */
function withAppends(
  store: TenantStore,
  before: () => Promise<void>,
  {
    isCutOff = false,
    wrote = () => {},
  }: { readonly isCutOff?: boolean; readonly wrote?: (written: Promise<unknown>) => void } = {},
): TenantStore {
  return changed(store, {
    log: (name: string) => {
      const log = store.log(name)
      if (name !== 'dag-events') return log
      const append: typeof log.append = async (...asked) => {
        await before()
        const written = log.append(...asked)
        wrote(written)
        return written
      }
      return changed(log, { append })
    },
    collection: (...asked: Parameters<TenantStore['collection']>) => {
      const collection = store.collection(...asked)
      if (!isCutOff) return collection
      const claim: typeof collection.claim = async (...sought) => {
        const claimed = await collection.claim(...sought)
        if (claimed === undefined) return undefined
        const renew = () => Promise.reject(new HoldfastError('UNAVAILABLE', 'The database is away'))
        return { ...claimed, lease: changed(claimed.lease, { renew }) }
      }
      return changed(collection, { claim })
    },
  })
}

function changed<A extends object>(of: A, members: { readonly [name: string]: unknown }): A {
  return new Proxy(of, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(members, name)) return members[name]
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
