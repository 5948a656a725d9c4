import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type Checkpoint,
  DeltaSnapshot,
  ERROR,
  INTERRUPT,
  emptyCheckpoint,
  uuid6,
} from '@langchain/langgraph-checkpoint'
import type { RunnableConfig } from '@langchain/core/runnables'
import type { DocumentStore } from '@holdfast/persistence'
import { graphTests } from './graphs.test.support.js'
import { HoldfastSaver, type HoldfastSaverOptions } from './holdfast-saver.js'

export type Values = Readonly<Record<string, unknown>>

export function describeHoldfastSaver(
  name: string,
  start: () => Promise<{ readonly documents: DocumentStore; readonly stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let stage: Awaited<ReturnType<typeof start>>
    let count = 0
    before(async () => {
      stage = await start()
    })
    after(() => stage.stop())

    /** Each test with collections of its own; `again` is a saver of another process. */
    const savers = (options: Partial<HoldfastSaverOptions> = {}) => {
      count += 1
      const open = (): HoldfastSaver => new HoldfastSaver({ store: stage.documents, name: `t${count}`, ...options })
      const sizes = async (): Promise<Record<string, number>> =>
        Object.fromEntries(
          await Promise.all(
            ['checkpoints', 'values', 'writes'].map(async (kind) => {
              return [kind, await stage.documents.collection(`t${count}-${kind}`).count()] as const
            }),
          ),
        )
      return { saver: open(), again: open, sizes, name: `t${count}` }
    }

    describe('graphs', () => graphTests(() => savers()))

    it('gives back every value that the serializer can write', async () => {
      const { saver, again } = savers()
      const values = {
        text: 'NUL \u0000, half a pair \ud800, \u{1f600}',
        nothing: null,
        bytes: new Uint8Array([0, 1, 255]),
        map: new Map([['a', new Set([1, 2])]]),
        large: Array.from({ length: 500 }, (_, index) => ({ index, text: 'x'.repeat(index) })),
        longText: 'Größe, '.repeat(30_000),
        ['__proto__ or not']: { z: 1, a: { '10': 1, '2': 2 } },
        'branch:to:x': [],
      }
      const config = await next(saver, thread('t'), values)
      const tuple = await again().getTuple(config)
      assert.deepEqual(tuple?.checkpoint.channel_values, values)
      assert.equal(JSON.stringify(tuple?.checkpoint.channel_values['__proto__ or not']), '{"z":1,"a":{"2":2,"10":1}}')
    })

    it('stores a value once for all checkpoints that have it', async () => {
      const { saver, again, sizes } = savers()
      const large = 'x'.repeat(5_000)
      let config = thread('t')
      for (let step = 0; step < 20; step += 1) config = await next(saver, config, { large, step }, { step: step + 1 })
      assert.equal((await sizes())['values'], 0, 'large was never said to be new')
      config = await next(saver, config, { large, step: 20 })
      for (let step = 21; step < 40; step += 1) config = await next(saver, config, { large, step })
      assert.equal((await sizes())['values'], 1)
      assert.equal((await again().getTuple(config))?.checkpoint.channel_values['large'], large)
      // A process that has not seen it before writes it anew at most, and not beside it.
      await next(again(), config, { large, step: 41 })
      assert.equal((await sizes())['values'], 1)
    })

    it('grows with what is added to a list, not with the list', async () => {
      const { saver, name, again } = savers()
      const messages: object[] = []
      let config = thread('t')
      let whole = 0
      for (let turn = 0; turn < 150; turn += 1) {
        messages.push({ id: `m${turn}`, role: 'user', text: `message ${turn} `.repeat(30) })
        whole += JSON.stringify(messages).length
        config = await next(saver, config, { messages: [...messages] })
      }
      let stored = 0
      for (const kind of ['checkpoints', 'values']) {
        for await (const { data } of stage.documents.collection(`${name}-${kind}`).find()) {
          stored += JSON.stringify(data).length
        }
      }
      assert(stored < whole / 6, `${stored} of ${whole}`)
      assert.deepEqual((await again().getTuple(config))?.checkpoint.channel_values['messages'], messages)
    })

    it('prunes to the newest of each namespace, and the values that nobody has any more', async () => {
      const { saver, again, sizes } = savers()
      const configs = []
      for (const namespace of ['', 'child']) {
        let config = thread('t', namespace)
        for (let step = 0; step < 10; step += 1) {
          config = await next(saver, config, { own: `${namespace}${step}`.repeat(1_000), all: 'y'.repeat(1_000) })
          await saver.putWrites(config, [['own', step]], 'task')
          configs.push(config)
        }
      }
      const other = await next(saver, thread('u'), { own: 'other'.repeat(1_000) })
      assert.deepEqual(await sizes(), { checkpoints: 21, values: 22, writes: 20 })
      assert.deepEqual(await again().prune('t', { keepLast: 2 }), { checkpoints: 16, values: 0 }, 'within the grace')
      assert.deepEqual(await again().prune('t', { keepLast: 2, graceMs: 0 }), { checkpoints: 0, values: 16 })
      assert.deepEqual(await sizes(), { checkpoints: 5, values: 6, writes: 4 })
      const left = await Promise.all(configs.map((config) => again().getTuple(config)))
      assert.deepEqual(
        left.map((tuple) => tuple !== undefined),
        configs.map((_, index) => index % 10 >= 8),
      )
      assert.equal(left.at(-1)?.checkpoint.channel_values['own'], 'child9'.repeat(1_000))
      assert.ok(await saver.getTuple(other))
      // The run goes on.
      const last = configs.at(-1) ?? assert.fail()
      const after = await next(saver, last, { own: 'child7'.repeat(1_000), all: 'y'.repeat(1_000) })
      assert.equal((await again().getTuple(after))?.checkpoint.channel_values['own'], 'child7'.repeat(1_000))
    })

    it('keeps what delta channels are rebuilt from', async () => {
      const { saver } = savers()
      let config = await next(saver, thread('t'), {})
      config = await next(saver, config, { list: new DeltaSnapshot(['a']) })
      await saver.putWrites(config, [['list', 'b']], 'task')
      for (let step = 1; step < 5; step += 1) {
        config = await next(saver, config, {}, {}, { counters_since_delta_snapshot: { list: [step, step] } })
        await saver.putWrites(config, [['list', `c${step}`]], 'task')
      }
      const wanted = await saver.getDeltaChannelHistory({ config, channels: ['list'] })
      assert.deepEqual(await saver.prune('t', { keepLast: 1, graceMs: 0 }), { checkpoints: 1, values: 0 })
      assert.deepEqual(await saver.getDeltaChannelHistory({ config, channels: ['list'] }), wanted)
      assert.equal(wanted['list']?.writes.length, 4)
    })

    it('loses no value of a kept checkpoint to a prune that runs beside its writers', async () => {
      const { saver, again } = savers()
      const writers = 4
      let running = writers
      const lasts = Array.from({ length: writers }, async (_, writer) => {
        const own = writer % 2 === 0 ? saver : again()
        let config = thread('t', `n${writer}`)
        for (let step = 0; step < 40; step += 1) {
          // Values that come and go and come again, shared by all.
          config = await next(own, config, { value: `${step % 3}`.repeat(1_000), list: list(step % 7), step })
        }
        running -= 1
        return config
      })
      const pruner = (async () => {
        let prunes = 0
        for (; running > 0; prunes += 1) {
          await again().prune('t', { keepLast: 1, graceMs: 0 })
          // In memory nobody else would have a turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
        return prunes
      })()
      for (const config of await Promise.all(lasts)) {
        const values = (await again().getTuple(config))?.checkpoint.channel_values
        assert.deepEqual(values, { value: `${39 % 3}`.repeat(1_000), list: list(39 % 7), step: 39 })
      }
      assert((await pruner) > 0)
    })

    it('prunes by itself under retain', async () => {
      const failures: unknown[] = []
      const { saver, sizes } = savers({ retain: { keepLast: 3 }, onBackgroundError: (error) => failures.push(error) })
      let config = thread('t')
      for (let step = 0; step < 65; step += 1) config = await next(saver, config, { step })
      await saver.close()
      assert(((await sizes())['checkpoints'] ?? 99) <= 3 + 20)
      assert.deepEqual(failures, [])
      assert.equal((await saver.getTuple(thread('t')))?.checkpoint.channel_values['step'], 64)
    })

    it('keeps a deleted thread deleted, whatever its run still writes', async () => {
      const { saver, again, sizes } = savers()
      const gone = { code: 'FAILED_PRECONDITION', reason: 'THREAD_DELETED' }
      const large = 'x'.repeat(5_000)
      const other = again()
      const config = await next(saver, thread('t'), { large })
      const second = await next(other, config, { large, more: 1 })
      await saver.putWrites(config, [['large', large]], 'task')
      const kept = await next(saver, thread('u'), { large })
      await again().deleteThread('t')
      assert.deepEqual(await sizes(), { checkpoints: 1, values: 1, writes: 0 })
      // Of a process that knows its last checkpoint, of one that does not, and of the writes of a task.
      await assert.rejects(next(saver, config, { large }), gone)
      await assert.rejects(next(other, second, { large: 'y'.repeat(5_000) }), gone)
      await assert.rejects(next(again(), config, { large: 'z'.repeat(5_000) }), gone)
      await assert.rejects(saver.putWrites(config, [['large', 1]], 'late'), gone)
      assert.deepEqual(await sizes(), { checkpoints: 1, values: 1, writes: 0 })
      assert.equal(await saver.getTuple(thread('t')), undefined)
      // A new run may use the name.
      const fresh = await next(saver, thread('t'), { large })
      const afterwards = await next(again(), fresh, { large, again: true })
      await again().putWrites(afterwards, [['large', 1]], 'task')
      assert.deepEqual((await saver.getTuple(thread('t')))?.checkpoint.channel_values, { large, again: true })
      assert.equal((await all(saver.list(thread('t')))).length, 2)
      assert.equal((await all(saver.list({}))).length, 3)
      assert.ok(await saver.getTuple(kept))
      await saver.deleteThread('t')
      await saver.deleteThread('never there')
      assert.equal((await sizes())['checkpoints'], 1)
    })

    it('takes the first writes of a task, and the last of its errors and interrupts', async () => {
      const { saver, again } = savers()
      const config = await next(saver, thread('t'), {})
      await saver.putWrites(
        config,
        [
          ['a', 1],
          ['b', 'x'.repeat(3_000)],
        ],
        'task-b',
        '~1',
      )
      await again().putWrites(config, [['a', 2]], 'task-b', '~1')
      await saver.putWrites(config, [[ERROR, 'one']], 'task-a', '~2')
      await again().putWrites(
        config,
        [
          [ERROR, 'two'],
          [INTERRUPT, 'three'],
        ],
        'task-a',
        '~2',
      )
      assert.deepEqual((await saver.getTuple(config))?.pendingWrites, [
        ['task-b', 'a', 1],
        ['task-b', 'b', 'x'.repeat(3_000)],
        ['task-a', INTERRUPT, 'three'],
        ['task-a', ERROR, 'two'],
      ])
    })

    it('keeps writes that come before their checkpoint', async () => {
      const { saver } = savers()
      const parent = await next(saver, thread('t'), {})
      const id = uuid6(3)
      const config = { configurable: { ...parent.configurable, checkpoint_id: id } }
      await saver.putWrites(config, [['a', 1]], 'task')
      assert.equal(await saver.getTuple(config), undefined)
      await next(saver, parent, {}, {}, {}, id)
      assert.deepEqual((await saver.getTuple(config))?.pendingWrites, [['task', 'a', 1]])
    })

    it('filters by any metadata, and says so when it lists before, by id and up to a limit', async () => {
      const { saver } = savers()
      const metadata = [
        { owner: 'ada', 'a.b': 1, deep: { list: [1] }, step: 0 },
        { owner: 'bob', 'a.b': 2, deep: { list: [1, 2] }, step: 1 },
        { owner: 'ada', $odd: true, step: 2 },
      ]
      let config = thread('t')
      const configs: RunnableConfig[] = []
      for (const one of metadata) configs.push((config = await next(saver, config, {}, {}, one)))
      const steps = async (filter: object, options: object = {}, at = thread('t')): Promise<unknown[]> =>
        (await all(saver.list(at, { filter: filter as Values, ...options }))).map((tuple) => tuple.metadata?.step)
      assert.deepEqual(await steps({ owner: 'ada' }), [2, 0])
      assert.deepEqual(await steps({ owner: 'ada', step: 0 }), [0])
      assert.deepEqual(await steps({ 'a.b': 2 }), [1])
      assert.deepEqual(await steps({ deep: { list: [1] } }), [0])
      assert.deepEqual(await steps({ $odd: true }), [2])
      assert.deepEqual(await steps({ $odd: undefined }), [1, 0])
      assert.deepEqual(await steps({ owner: 'ada' }, { limit: 1 }), [2])
      assert.deepEqual(await steps({ owner: 'ada' }, { before: configs[2] }), [0])
      assert.deepEqual(await steps({}, { before: configs[1] }, { configurable: { thread_id: 't' } }), [0])
      assert.deepEqual(await steps({ owner: { $ne: 'ada' } }), [], 'an operator is a value like any other')
      assert.deepEqual(await steps({}, {}, configs[1]), [1])
      assert.deepEqual(await steps({}, { limit: 0 }), [])
    })

    it('names what is wrong with a config', async () => {
      const { saver } = savers()
      const put = (configurable: Values) => next(saver, { configurable }, {})
      for (const thread_id of [undefined, '', 7, null, {}]) {
        await assert.rejects(put({ thread_id }), { code: 'INVALID_ARGUMENT' })
      }
      await assert.rejects(put({ thread_id: 't', checkpoint_ns: 7 }), /configurable\.checkpoint_ns/)
      await assert.rejects(saver.putWrites(thread('t'), [], 'task'), /configurable\.checkpoint_id/)
      await assert.rejects(saver.deleteThread(''), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(saver.prune('t', { keepLast: 0 }), /keepLast/)
      assert.throws(() => savers({ retain: { keepLast: 0 } }), /retain\.keepLast/)
      // What would reach the prototype elsewhere is a name like any other.
      await put({ thread_id: '__proto__', checkpoint_ns: 'constructor' })
      assert.equal((await all(saver.list({ configurable: { thread_id: '__proto__' } }))).length, 1)
    })
  })
}

export function thread(id: string, namespace = ''): RunnableConfig {
  return { configurable: { thread_id: id, checkpoint_ns: namespace } }
}

let version = 0

/** Puts the checkpoint that follows; all of its channels are new, unless it is said which are. */
export function next(
  saver: HoldfastSaver,
  config: RunnableConfig,
  values: Values,
  newVersions?: Record<string, number>,
  metadata: object = {},
  id: string = uuid6(3),
): Promise<RunnableConfig> {
  version += 1
  const versions = Object.fromEntries(Object.keys(values).map((channel) => [channel, version]))
  const checkpoint: Checkpoint = {
    ...emptyCheckpoint(),
    id,
    channel_values: values,
    channel_versions: { ...versions, ...newVersions },
  }
  const full = { source: 'loop' as const, step: 0, parents: {}, ...metadata }
  return saver.put(config, checkpoint, full, newVersions ?? versions)
}

function list(length: number): object[] {
  return Array.from({ length: length * 10 }, (_, index) => ({ index, text: 'abc'.repeat(30) }))
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
