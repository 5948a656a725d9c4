import { parseArgs } from 'node:util'

export interface CampaignOptions {
  readonly kills: number
  readonly writers: number
  /** Which stores to run on. */
  readonly stores: readonly ('embedded' | 'postgres')[]
  readonly seed: number
  /** Over a Redis, which is killed and emptied as well. */
  readonly redis: boolean
  /** How long campaigns of a fixed size are. */
  readonly length: 'quick' | 'usual' | 'long'
  readonly report: (line: string) => void
}

/** Figures by name; what must be 0 is named in `mustBeZero`. */
export interface CampaignReport {
  readonly figures: Readonly<Record<string, number>>
  readonly mustBeZero: readonly string[]
}

const campaigns: Readonly<Record<string, () => Promise<{ run(options: CampaignOptions): Promise<CampaignReport> }>>> = {
  access: () => import('./access.js'),
  cache: () => import('./cache.js'),
  conversations: () => import('./conversations.js'),
  dag: () => import('./dag.js'),
  fuzz: () => import('./fuzz.js'),
  jobs: () => import('./jobs.js'),
  migration: () => import('./migration.js'),
  persistence: () => import('./persistence.js'),
  rolling: () => import('./rolling.js'),
  streams: () => import('./streams.js'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    kills: { type: 'string', default: '20' },
    writers: { type: 'string', default: '16' },
    store: { type: 'string', default: 'both' },
    redis: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [name = ''] = positionals
const load = Object.hasOwn(campaigns, name) ? campaigns[name] : undefined
const numbers = { kills: Number(values.kills), writers: Number(values.writers), seed: Number(values.seed) }
const stores = { both: ['embedded', 'postgres'], embedded: ['embedded'], postgres: ['postgres'] } as const
const chosen = Object.hasOwn(stores, values.store) ? stores[values.store as keyof typeof stores] : undefined
const sane =
  Object.values(numbers).every((number) => Number.isSafeInteger(number) && number >= 0) && numbers.writers > 0
if (load === undefined || chosen === undefined || !sane) {
  process.stderr.write(
    `Usage: npm run faults -- NAME [--kills N] [--writers N] [--store both|embedded|postgres] [--redis] [--seed N] [--quick|--long] [--json]
NAME is one of: ${Object.keys(campaigns).join(', ')}. --kills counts for each store (default 20).
--redis is for conversations and streams: the servers cache in a Redis that is killed and emptied as well.
--quick and --long are for those that have a size of their own: access (6 renewals of a certificate, 50 revocations; 1 and 5; 60 and 1,000), cache (200,000 operations; the long form millions), dag (200 kills; 40; 1,000), fuzz (20,000 inputs; 5,000; 100,000), jobs (2,000 jobs, 100 kills; 500 and 25; 20,000 and 1,000), migration (1, 3 or 12 kills at each step), persistence, rolling (each of three servers restarted 10 times; 2; 50).\n`,
  )
  process.exitCode = 2
} else {
  const campaign = await load()
  const length = values.quick ? 'quick' : values.long ? 'long' : 'usual'
  const report = (line: string) => process.stderr.write(`${line}\n`)
  report(`seed ${numbers.seed}`)
  const { figures, mustBeZero } = await campaign.run({
    ...numbers,
    redis: values.redis,
    stores: chosen,
    length,
    report,
  })
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else for (const [figure, value] of Object.entries(figures)) process.stdout.write(`${figure}  ${value}\n`)
  const failed = mustBeZero.filter((figure) => figures[figure] !== 0)
  if (failed.length > 0) {
    process.stderr.write(`Not zero: ${failed.join(', ')}\n`)
    process.exitCode = 1
  }
}
