import { HoldfastError } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import { settingsOf } from '../settings.js'
import { frameOf } from './frame.js'
import { parsePrometheusText, type Scraped } from './prometheus-text.js'
import { sampleOf, type ScrapedProcess, type TopSample } from './sample.js'

export interface TopFlags {
  readonly metrics?: readonly string[]
  readonly interval: number
  readonly json?: true
  readonly once?: true
  readonly config?: string
}

const timeoutMs = 5_000
// The alternate screen, without a cursor: what stood there before comes back.
const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'
const fromTop = '\u001b[H\u001b[J'

/** Shows what processes do until a signal comes; one frame if nobody watches it live. @throws UNAVAILABLE if none answers */
export async function runTop(flags: TopFlags, context: CommandContext): Promise<void> {
  const { environment, out, signal } = context
  const { config } = flags
  const { metrics } = settingsOf(config === undefined ? {} : { config }, environment).config
  const addresses = flags.metrics ?? [metrics.listen]
  const isLive = out.isTerminal && flags.json !== true && flags.once !== true
  const token = environment['HOLDFAST_METRICS_TOKEN']
  let before = await scrapeAll(addresses, token)
  refuseNone(before)
  if (isLive) await out.write(enter)
  try {
    do {
      await pause(flags.interval * 1000, signal)
      if (signal.aborted) return
      const after = await scrapeAll(addresses, token)
      if (!isLive) refuseNone(after)
      const sample = between(addresses, before, after)
      if (flags.json === true) await out.json(sample)
      else await out.write(`${isLive ? fromTop : ''}${frameOf(sample)}`)
      before = after
    } while (isLive)
  } finally {
    if (isLive) await out.write(leave)
  }
}

interface Scrape {
  readonly at: number
  readonly found: readonly (Scraped | undefined)[]
  readonly error: unknown
}

function between(addresses: readonly string[], before: Scrape, after: Scrape): TopSample {
  const processes = addresses.map((address, index): ScrapedProcess => ({
    address,
    before: before.found[index],
    after: after.found[index],
  }))
  return sampleOf(processes, (after.at - before.at) / 1000, new Date())
}

async function scrapeAll(addresses: readonly string[], token: string | undefined): Promise<Scrape> {
  const at = performance.now()
  const settled = await Promise.allSettled(addresses.map((address) => scrape(address, token)))
  const failed = settled.find((one) => one.status === 'rejected')
  return {
    at,
    found: settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined)),
    error: failed?.reason,
  }
}

function refuseNone({ found, error }: Scrape): void {
  if (found.every((one) => one === undefined)) throw error
}

/** @throws UNAVAILABLE naming the address */
async function scrape(address: string, token: string | undefined): Promise<Scraped> {
  const url = /^https?:\/\//.test(address) ? address : `http://${address}/metrics`
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  let text: string
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) throw new Error(`status ${response.status}`)
    text = await response.text()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HoldfastError(
      'UNAVAILABLE',
      `No metrics come from ${address} (${why}): name where \`holdfast up\` serves them with --metrics HOST:PORT`,
      { cause },
    )
  }
  return parsePrometheusText(text)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
