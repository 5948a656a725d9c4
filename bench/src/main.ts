import { parseArgs } from 'node:util'
import type { Benchmark } from './benchmark.js'
import { UnknownPart } from './figures.js'

const benches: Readonly<Record<string, () => Promise<Benchmark>>> = {
  chat: () => import('./chat.js'),
  coding: () => import('./coding.js'),
  columns: () => import('./columns.js'),
  dag: () => import('./dag/index.js'),
  gateway: () => import('./gateway/index.js'),
  growth: () => import('./growth.js'),
  media: () => import('./media/index.js'),
  persistence: () => import('./persistence/index.js'),
  session: () => import('./session/index.js'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    part: { type: 'string' },
  },
})
const [name = ''] = positionals
const load = Object.hasOwn(benches, name) ? benches[name] : undefined
if (load === undefined) {
  process.stderr.write(
    `Usage: npm run bench -- NAME [--json] [--long] [--part PART]\nNAME is one of: ${Object.keys(benches).join(', ')}\n`,
  )
  process.exitCode = 2
} else {
  try {
    await measure(name, await load())
  } catch (error) {
    if (!(error instanceof UnknownPart)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 2
  }
}

async function measure(name: string, bench: Benchmark): Promise<void> {
  const { metrics, notes } = await bench.run({
    long: values.long,
    part: values.part,
    report: (line) => process.stderr.write(`${line}\n`),
  })
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ bench: name, metrics })}\n`)
  } else {
    const width = Math.max(...Object.keys(metrics).map((metric) => metric.length))
    for (const [metric, value] of Object.entries(metrics)) process.stdout.write(`${metric.padEnd(width)}  ${value}\n`)
    for (const note of notes) process.stdout.write(`${note}\n`)
  }
}
