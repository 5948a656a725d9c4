import { printable, table } from '../printable.js'
import type { Observed } from './changes.js'
import type { ProcessSample, TopSample } from './sample.js'

const mostMethods = 12

/** What `holdfast top` shows of a sample, as lines of text. */
export function frameOf(sample: TopSample): string {
  const { calls, connections, jobs, runs, replies, processes } = sample
  const up = processes.filter((process) => process.up).length
  const blocks = [
    `holdfast top  ${sample.at.slice(11, 19)} UTC  ${up} of ${processes.length} processes  over ${sample.seconds.toFixed(1)} s\n`,
    table(
      ['CALLS', ...header],
      [
        ['all', ...cells(calls, calls.errorsPerSecond)],
        ...calls.methods
          .filter(({ perSecond }) => perSecond > 0)
          .slice(0, mostMethods)
          .map((one) => [shortName(one.method), ...cells(one, one.errorsPerSecond)]),
      ],
    ) + `in progress ${calls.inProgress}\n`,
    table(
      ['DATABASE', ...header],
      sample.databases.map((one) => [one.system, ...cells(one, one.errorsPerSecond)]),
    ) +
      (connections === undefined
        ? ''
        : `connections ${connections.used} of ${connections.limit}, waiting ${connections.waiting}\n`),
    ...(sample.caches.length === 0 ? [] : [cachesOf(sample)]),
    table(
      ['WORK', ...header, 'now', 'queued'],
      [
        [
          'jobs',
          ...cells(jobs.attempts, jobs.failedPerSecond),
          `${jobs.running} of ${jobs.workers}`,
          String(jobs.queued),
        ],
        ['graph nodes', ...cells(runs.nodes), `${runs.active} runs`, String(runs.queued)],
        ['replies', ...cells(replies.ended), String(replies.active), ''],
        ['first text of replies', ...cells(replies.firstText), '', ''],
        ...sample.models.map((one) => [`model ${one.name}`, ...cells(one, one.errorsPerSecond), '', '']),
      ],
    ),
    table(['PROCESS', 'up', 'memory', 'heap', 'cpu', 'loop lag p99'], processes.map(processCells)),
  ]
  return blocks.join('\n')
}

const header = ['a second', 'errors', 'p50 ms', 'p99 ms']

function cells({ perSecond, p50Ms, p99Ms }: Observed, errorsPerSecond?: number): string[] {
  return [rate(perSecond), errorsPerSecond === undefined ? '' : rate(errorsPerSecond), ms(p50Ms), ms(p99Ms)]
}

function cachesOf({ caches }: TopSample): string {
  return table(
    ['CACHE', 'reads a second', 'hits', 'away a second'],
    caches.map(({ name, readsPerSecond, hitRatio, awayPerSecond }) => [
      name,
      rate(readsPerSecond),
      hitRatio === undefined ? '-' : `${(hitRatio * 100).toFixed(1)} %`,
      rate(awayPerSecond),
    ]),
  )
}

function processCells({ address, up, ...rest }: ProcessSample): string[] {
  if (!up) return [printable(address), 'away', '', '', '', '']
  const { upSeconds = 0, residentBytes = 0, heapUsedBytes = 0, cpuShare = 0, loopLagP99Ms = 0 } = rest
  return [
    printable(address),
    duration(upSeconds),
    mebibytes(residentBytes),
    mebibytes(heapUsedBytes),
    `${(cpuShare * 100).toFixed(0)} %`,
    `${loopLagP99Ms.toFixed(1)} ms`,
  ]
}

/** `ChatService/SendMessage` of `holdfast.chat.v1.ChatService/SendMessage`. */
function shortName(method: string): string {
  return method.slice(method.lastIndexOf('.') + 1)
}

function rate(perSecond: number): string {
  return perSecond === 0 ? '0' : perSecond.toFixed(perSecond < 10 ? 2 : 0)
}

function ms(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(value < 10 ? 2 : 0)
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
