// A reporter for node --test: names the files whose tests took longest, so that the suite stays quick.
import { relative } from 'node:path'

const most = 15

export default async function* slowFiles(source) {
  const seconds = new Map()
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting !== 0 || data.file === undefined) continue
    seconds.set(data.file, (seconds.get(data.file) ?? 0) + data.details.duration_ms / 1000)
  }
  if (seconds.size < most) return
  yield 'test: the slowest files, in seconds\n'
  for (const [file, took] of [...seconds].toSorted(([, a], [, b]) => b - a).slice(0, most)) {
    yield `test: ${took.toFixed(1).padStart(6)} ${relative(process.cwd(), file)}\n`
  }
}
