import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a read that begins now has to show at least. */
export interface Floor {
  last: number
  edits: [number, number]
  title: number
}

export interface StormReport {
  appends: number
  edits: number
  reads: number
  readonly violations: string[]
}

/** Two processes at one conversation, see storm.test.child.ts. */
export async function storm(url: string, redis: string, id: string, durationMs: number): Promise<StormReport[]> {
  const program = join(import.meta.dirname, 'storm.test.child.js')
  const children = ['a', 'b'].map((name) => fork(program, [url, redis, id, name, String(durationMs)]))
  const reports: StormReport[] = []
  for (const [index, child] of children.entries()) {
    child.on('message', (message: { readonly floor?: Floor; readonly report?: StormReport }) => {
      const other = children[1 - index]
      if (message.report !== undefined) reports.push(message.report)
      if (message.floor !== undefined && other?.connected === true) other.send(message.floor, () => {})
    })
  }
  const codes = await Promise.all(children.map(async (child) => ((await once(child, 'exit')) as [number | null])[0]))
  if (codes.some((code) => code !== 0)) throw new Error(`A process of the storm ended with ${codes.join(' and ')}`)
  return reports
}
