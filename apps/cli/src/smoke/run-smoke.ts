import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import { type AddressHealth, type Clients, createClients } from '@holdfast/grpc-clients'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags } from '../commands/store-options.js'
import { printable } from '../printable.js'
import { serverClientOptions } from '../server-clients.js'
import { NotServed, type SmokeCheck, smokeChains, type SmokeHome } from './checks.js'

export interface SmokeFlags extends ServerFlags {
  readonly address?: string
  /** Seconds. */
  readonly timeout: number
  readonly json?: true
}

interface Outcome {
  readonly name: string
  /** `skip`: the deployment does not have it, or what it needs failed. */
  readonly status: 'ok' | 'fail' | 'skip'
  readonly ms: number
  readonly detail?: string
}

/** So much of the time is kept for putting things away. */
const cleaningMs = 1_000

export async function runSmoke(flags: SmokeFlags, context: CommandContext): Promise<void> {
  const address = flags.address ?? flags.server
  if (address === undefined) throw invalidField('--address', 'must be given: HOST:PORT of the deployment')
  const startedAt = performance.now()
  const options = { address, ...serverClientOptions(flags, context.environment) }
  await using clients = createClients(options)
  // What is asked for a credential has to ask for it.
  const { token, ...rest } = options
  await using strangers = token === undefined ? undefined : createClients(rest)
  const outcomes = await smoke(clients, flags.timeout * 1_000, context.signal, strangers)
  const ok = outcomes.every(({ status }) => status !== 'fail')
  const seconds = Math.round(performance.now() - startedAt) / 1_000
  if (flags.json === true) await context.out.json({ ok, address, seconds, checks: outcomes })
  else await context.out.write(`${outcomes.map(shown).join('')}${ok ? 'passed' : 'failed'} in ${seconds} s\n`)
  if (!ok) context.endWith(1)
}

/** Tries all that a deployment has to do, in `timeoutMs` at most, and puts away what it made. */
export async function smoke(
  clients: Clients,
  timeoutMs: number,
  stop: AbortSignal,
  strangers?: Clients,
): Promise<Outcome[]> {
  const cleaning: (() => Promise<unknown>)[] = []
  // Not AbortSignal.any of a timeout: Node 20 may collect it before its time (https://github.com/nodejs/node/issues/54614).
  const over = new AbortController()
  const end = (): void => over.abort()
  const timer = setTimeout(end, Math.max(1, timeoutMs - cleaningMs))
  stop.addEventListener('abort', end, { once: true })
  const home: SmokeHome = {
    clients,
    ...(strangers === undefined ? {} : { strangers }),
    signal: over.signal,
    id: randomUUID(),
    cleanUp: (work) => void cleaning.push(work),
  }
  try {
    return await smokeIn(home, cleaning)
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', end)
  }
}

async function smokeIn(home: SmokeHome, cleaning: readonly (() => Promise<unknown>)[]): Promise<Outcome[]> {
  const healthy = await outcomeOf({ name: 'health', run: untilServing }, home)
  const chains =
    healthy.status === 'ok'
      ? smokeChains
      : smokeChains.map((chain) => chain.map((check) => ({ ...check, run: skipped })))
  const outcomes = await Promise.all(chains.map((chain) => runChain(chain, home)))
  const cleaned = await cleanedUp(cleaning)
  return [healthy, ...outcomes.flat(), ...cleaned]
}

/** A deployment may still be starting. */
async function untilServing({ clients, signal }: SmokeHome): Promise<string> {
  let seen: readonly AddressHealth[] = []
  for (;;) {
    const all = await clients.health({ signal, deadlineMs: 2_000 })
    // What was broken off says nothing.
    if (seen.length === 0 || !signal.aborted) seen = all
    if (all.length > 0 && all.every(({ status }) => status === 'serving')) {
      return all.map(({ address, latencyMs }) => `${address} answers in ${latencyMs.toFixed(1)} ms`).join(', ')
    }
    if (signal.aborted) {
      throw new HoldfastError(
        'UNAVAILABLE',
        all
          .map(
            ({ address, status, error }) =>
              `${address} is ${status}${error === undefined ? '' : ` (${error.message})`}`,
          )
          .join(', '),
      )
    }
    await delay(100, undefined, { signal }).catch(() => {})
  }
}

async function skipped(): Promise<string> {
  throw new NotServed()
}

/** After one that fails, the rest is not tried. */
async function runChain(chain: readonly SmokeCheck[], home: SmokeHome): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const check of chain) {
    const isLost = outcomes.some(({ status }) => status === 'fail')
    outcomes.push(isLost ? { name: check.name, status: 'skip', ms: 0 } : await outcomeOf(check, home))
  }
  return outcomes
}

async function outcomeOf({ name, run }: SmokeCheck, home: SmokeHome): Promise<Outcome> {
  const startedAt = performance.now()
  const end = (): { name: string; ms: number } => ({ name, ms: Math.round(performance.now() - startedAt) })
  try {
    const detail = await run(home)
    return { ...end(), status: 'ok', ...(detail === undefined ? {} : { detail }) }
  } catch (error) {
    if (error instanceof NotServed) return { ...end(), status: 'skip', detail: 'not tried, or not served here' }
    if (home.signal.aborted && name !== 'health') return { ...end(), status: 'fail', detail: 'the time was over' }
    const { code, message } = asHoldfastError(error, name)
    return { ...end(), status: 'fail', detail: `${code}: ${message}` }
  }
}

async function cleanedUp(cleaning: readonly (() => Promise<unknown>)[]): Promise<Outcome[]> {
  const late = delay(cleaningMs, new Error('the time was over'), { ref: false })
  const failures: string[] = []
  for (const work of cleaning.toReversed()) {
    const outcome = await Promise.race([
      work().then(
        () => undefined,
        (error: unknown) => error,
      ),
      late,
    ])
    const isGone = outcome instanceof HoldfastError && outcome.code === 'NOT_FOUND'
    if (outcome !== undefined && !isGone) failures.push(asHoldfastError(outcome, 'cleaning up').message)
  }
  return failures.length === 0
    ? []
    : [{ name: 'cleaning up', status: 'fail', ms: cleaningMs, detail: failures.join('; ') }]
}

function shown({ name, status, ms, detail }: Outcome): string {
  return `${status.padEnd(4)}  ${name.padEnd(12)}  ${`${ms} ms`.padStart(8)}${detail === undefined ? '' : `  ${printable(detail)}`}\n`
}
