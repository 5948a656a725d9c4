import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore, type Scope } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'
import { restartImmediately } from '../restart-immediately.js'

const callers = 8
const accountCount = 60

/** Moves money between accounts, each move with a receipt and a log entry in one transaction, while the server is stopped in immediate
 *  mode (it writes nothing more and recovers from its log) and started again. Half of the callers use keys and repeat until they have
 *  an answer; the others take the first answer. What was acknowledged has to be there, whole; what failed whole or not at all. */
export async function restartServers(options: {
  readonly restarts: number
  readonly seed: number
}): Promise<Record<string, number>> {
  const random = randomFrom(options.seed)
  await using postgres = await startPostgres()
  await using store = await openDocumentStore(await postgres.createDatabase())
  await accounts(store).insertMany(
    Array.from({ length: accountCount }, (_, n) => ({ id: `a${n}`, data: { balance: 100 } })),
  )
  await receipts(store).count()
  await moves(store).head('s0')
  const state: State = { acknowledged: new Set(), unknown: 0, refused: 0, stopping: false }
  const calling = Promise.all(Array.from({ length: callers }, (_, caller) => call(store, caller, state)))
  const restarting = (async () => {
    try {
      for (let restart = 0; restart < options.restarts; restart += 1) {
        await untilMore(state, 50)
        await delay(random() * 100)
        await restartImmediately(postgres)
      }
      await untilMore(state, 20)
    } finally {
      state.stopping = true
    }
  })()
  await Promise.all([calling, restarting])
  return {
    restarts: options.restarts,
    acknowledged: state.acknowledged.size,
    unknown_outcomes: state.unknown,
    refused: state.refused,
    ...(await judge(store, state.acknowledged)),
  }
}

interface State {
  readonly acknowledged: Set<string>
  unknown: number
  refused: number
  stopping: boolean
}

async function untilMore(state: State, count: number): Promise<void> {
  const enough = state.acknowledged.size + count
  const deadline = performance.now() + 60_000
  while (state.acknowledged.size < enough) {
    if (performance.now() > deadline) throw new Error('The callers did not come back within a minute')
    await delay(5)
  }
}

async function call(store: DocumentStore, caller: number, state: State): Promise<void> {
  const hasKey = caller % 2 === 0
  for (let n = 0; !state.stopping; n += 1) {
    const id = `${caller}-${n}`
    const options = { maxAttempts: 200, timeoutMs: 60_000, ...(hasKey ? { key: id } : {}) }
    for (;;) {
      try {
        await store.transaction((tx) => move(tx, id, caller, n), options)
        state.acknowledged.add(id)
        break
      } catch (error) {
        if (!(error instanceof HoldfastError) || !passing.has(error.code)) throw error
        if (error.code === 'UNKNOWN') state.unknown += 1
        else state.refused += 1
        await delay(20)
        if (!hasKey || state.stopping) break
      }
    }
  }
}

const passing: ReadonlySet<string> = new Set(['UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'ABORTED'])

const accounts = (scope: Scope) => scope.collection<{ balance: number }>('accounts')
const receipts = (scope: Scope) => scope.collection<{ from: string; to: string }>('receipts')
const moves = (scope: Scope) => scope.log<string>('moves')

async function move(tx: Scope, id: string, caller: number, n: number): Promise<void> {
  const from = `a${(caller + n) % accountCount}`
  const to = `a${(caller * 5 + n * 7 + 1) % accountCount}`
  await accounts(tx).updateOne(from, { $inc: { balance: -1 } })
  await receipts(tx).insertOne({ from, to }, { id })
  await moves(tx).append(`s${caller}`, [{ data: id }])
  await accounts(tx).updateOne(to, { $inc: { balance: 1 } })
}

async function judge(store: DocumentStore, acknowledged: ReadonlySet<string>): Promise<Record<string, number>> {
  const found = new Map((await receipts(store).find().toArray()).map(({ id, data }) => [id, data]))
  const logged = new Map<string, number>()
  for (let caller = 0; caller < callers; caller += 1) {
    for (let after = 0; ;) {
      const page = await moves(store).read(`s${caller}`, { after })
      for (const { data } of page) logged.set(data, (logged.get(data) ?? 0) + 1)
      const last = page.at(-1)
      if (last === undefined) break
      after = last.seq
    }
  }
  const lost = [...acknowledged].filter((id) => !found.has(id) && !logged.has(id)).length
  const ids = new Set([...found.keys(), ...logged.keys()])
  let halfApplied = [...ids].filter((id) => !found.has(id) || logged.get(id) !== 1).length
  const balances = new Map<string, number>(Array.from({ length: accountCount }, (_, n) => [`a${n}`, 100]))
  for (const { from, to } of found.values()) {
    balances.set(from, (balances.get(from) ?? 0) - 1)
    balances.set(to, (balances.get(to) ?? 0) + 1)
  }
  for (const { id, data } of await accounts(store).find().toArray()) {
    if (balances.get(id) !== data.balance) halfApplied += 1
  }
  return { lost, half_applied: halfApplied }
}
