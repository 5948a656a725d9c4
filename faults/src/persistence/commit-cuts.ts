import { openDocumentStore, type Scope } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { HoldfastError } from '@holdfast/errors'
import { randomFrom } from '../random.js'
import { type Fate, startCommitProxy } from './commit-proxy.js'

const fates: readonly Fate[] = ['cut-before', 'cut-behind', 'cut-after']
const callers = 8

/** Runs transactions with a key while connections are cut around COMMIT, until so many were: each has to take effect once and answer
 *  what it did. */
export async function cutCommits(options: {
  readonly cuts: number
  readonly seed: number
}): Promise<Record<string, number>> {
  const random = randomFrom(options.seed)
  await using postgres = await startPostgres()
  const url = await postgres.createDatabase()
  const counts: Record<Fate, number> = { pass: 0, 'cut-before': 0, 'cut-behind': 0, 'cut-after': 0 }
  const state = { cuts: 0, armed: false }
  const fateOf = (): Fate => {
    if (!state.armed || state.cuts >= options.cuts || random() < 0.4) return 'pass'
    const fate = fates[Math.floor(random() * fates.length)] ?? 'pass'
    state.cuts += 1
    counts[fate] += 1
    return fate
  }
  await using proxy = await startCommitProxy(url, fateOf)
  await using store = await openDocumentStore(proxy.url)
  await effects(store).count()
  await journal(store).head('all')
  state.armed = true
  const answers = new Map<string, number>()
  let next = 0
  let unresolved = 0
  const call = async (): Promise<void> => {
    while (state.cuts < options.cuts) {
      const key = `t-${next}`
      next += 1
      try {
        answers.set(
          key,
          await store.transaction((tx) => takeEffect(tx, key), { key, maxAttempts: 100, timeoutMs: 60_000 }),
        )
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'UNKNOWN') throw error
        unresolved += 1
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  state.armed = false

  let lost = 0
  let doubled = 0
  const entries = new Map<string, number>()
  for (let caller = 0; caller < callers; caller += 1) {
    for (let after = 0; ;) {
      const page = await journal(store).read(`s${caller}`, { after, limit: 10_000 })
      for (const { data } of page) entries.set(data, (entries.get(data) ?? 0) + 1)
      const last = page.at(-1)
      if (last === undefined) break
      after = last.seq
    }
  }
  for (const [key, answer] of answers) {
    const stored = (await effects(store).get(key))?.data.times ?? 0
    const appended = entries.get(key) ?? 0
    if (stored === 0 || appended === 0) lost += 1
    if (stored > 1 || appended > 1 || answer !== 1) doubled += 1
  }
  return {
    transactions: next,
    commits_cut: state.cuts,
    cut_before_commit: counts['cut-before'],
    cut_behind_commit: counts['cut-behind'],
    cut_before_answer: counts['cut-after'],
    lost,
    doubled,
    unresolved,
  }
}

const effects = (scope: Scope) => scope.collection<{ times: number }>('effects')
const journal = (scope: Scope) => scope.log<string>('journal')

/** Neither part says by itself that it was there before. */
async function takeEffect(tx: Scope, key: string): Promise<number> {
  const document = await effects(tx).updateOne(key, { $inc: { times: 1 } }, { upsert: true })
  await journal(tx).append(`s${Number(key.slice(2)) % callers}`, [{ data: key }])
  return document?.data.times ?? 0
}
