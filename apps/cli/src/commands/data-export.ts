import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { invalidField } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import { startCount } from '../progress.js'
import { replacement } from '../replacement.js'
import { openDataStore, secondsSince, throwIfStopped } from './data-store.js'
import type { StoreFlags } from './store-options.js'

interface DataExportFlags extends StoreFlags {
  readonly tenant?: string
  readonly keys?: true
  readonly json?: true
}

/** Lines are written together until they are so many characters. */
const writtenAtOnce = 256 * 1024

export async function runDataExport(file: string, flags: DataExportFlags, context: CommandContext): Promise<void> {
  const { out, err } = context
  const toOutput = file === '-'
  if (flags.json === true && toOutput) throw invalidField('--json', 'needs a file to export to')
  await using store = await openDataStore(flags, context, { mayCreate: false })
  const startedAt = performance.now()
  const progress = startCount(err, 'exported', toOutput && out.isTerminal)
  const target = toOutput ? undefined : await replacement(file)
  const write = target?.write ?? ((content: string | Uint8Array) => out.write(String(content)))
  let counts: object = {}
  const lines = store.export({
    ...(flags.tenant === undefined ? {} : { tenant: flags.tenant }),
    ...(flags.keys === undefined ? {} : { keys: true }),
    onProgress(soFar) {
      counts = { ...soFar }
      progress.update(soFar.documents + soFar.entries + soFar.blobs)
    },
  })
  try {
    if (file.endsWith('.gz')) {
      await pipeline(Readable.from(together(lines, context)), createGzip(), async (compressed) => {
        for await (const piece of compressed) await write(piece as Uint8Array)
      })
    } else {
      for await (const text of together(lines, context)) await write(text)
    }
    await target?.keep()
    progress.stop()
    if (flags.json === true) await out.json({ ...counts, seconds: secondsSince(startedAt) })
    else await err.line(`holdfast: exported ${summaryOf(counts)}`)
  } finally {
    progress.stop()
    await target?.drop()
  }
}

/** `3 collections, 1200 documents, …`, without what there is none of. */
export function summaryOf(counts: object): string {
  const parts = Object.entries(counts).filter(([, count]) => count !== 0)
  return parts.length === 0 ? 'nothing' : parts.map(([name, count]) => `${String(count)} ${name}`).join(', ')
}

async function* together(lines: AsyncIterable<string>, context: CommandContext): AsyncGenerator<string> {
  let text = ''
  for await (const line of lines) {
    text += line
    if (text.length < writtenAtOnce) continue
    throwIfStopped(context)
    yield text
    text = ''
  }
  yield text
}
