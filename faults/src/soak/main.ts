import { parseArgs } from 'node:util'
import { soak } from './soak.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    /** Between two operations of each of nine workers. */
    'pause-ms': { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const pauseMs = Number(values['pause-ms'])
if (!(minutes >= 1) || !(pauseMs >= 1)) {
  process.stderr.write('Usage: npm run soak -- [--minutes N, from 1] [--pause-ms N] [--json]\n')
  process.exitCode = 2
} else {
  const { figures, failures, first } = await soak({
    minutes,
    pauseMs,
    report: (line) => process.stderr.write(`${line}\n`),
  })
  if (values.json)
    process.stdout.write(`${JSON.stringify({ ok: failures.length === 0, failures, first, ...figures })}\n`)
  else
    for (const [figure, value] of Object.entries(figures)) process.stdout.write(`${figure}  ${JSON.stringify(value)}\n`)
  for (const failure of [...failures, ...first]) process.stderr.write(`${failure}\n`)
  if (failures.length > 0) process.exitCode = 1
}
