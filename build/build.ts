// What `npm run build` runs; `npm run build -- --help` says how. What is made from what is in config/build-config.yml.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { make } from './targets/make.js'
import { verify } from './targets/verify.js'

const usage = `npm run build -- [TARGET…] [--explain] [--force] [--verify]
  TARGET…    these and what they depend on, as libs/session; default: all
  --explain  says of each target why it is due
  --force    makes everything anew
  --verify   makes everything twice, in two new folders, and says which bytes differ
`

const root = resolve(import.meta.dirname, '../../..')
process.exitCode = await main()

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      explain: { type: 'boolean' },
      force: { type: 'boolean' },
      verify: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  if (values.verify === true) return report(await verify(root, print))
  const startedAt = performance.now()
  const made = await make(root, {
    ...(positionals.length === 0 ? {} : { only: positionals }),
    ...(values.force === undefined ? {} : { force: values.force }),
    ...(values.explain === true ? { explain: (target, why) => print(`${target} ${why}`) } : {}),
  })
  const { failed } = made
  if (failed.length > 0) return report(`not made: ${failed.slice(0, 3).join(', ')}${failed.length > 3 ? ', …' : ''}`)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (made.made + made.fromCache > 0 || values.explain === true) {
    print(`${made.made} made, ${made.fromCache} from the cache, ${made.upToDate} up to date, in ${seconds} s`)
  }
  return 0
}

function report(problem: string | undefined): number {
  if (problem === undefined) return 0
  process.stderr.write(`build: ${problem}\n`)
  return 1
}

function print(line: string): void {
  process.stdout.write(`build: ${line}\n`)
}
