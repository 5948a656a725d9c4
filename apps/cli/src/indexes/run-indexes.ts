import { existsSync } from 'node:fs'
import { HoldfastError } from '@holdfast/errors'
import { type IndexReport, type IndexState, type MissingIndex, openDocumentStore } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import type { StoreFlags } from '../commands/store-options.js'
import { table } from '../printable.js'
import { settingsOf } from '../settings.js'

interface IndexesFlags extends StoreFlags {
  readonly collection?: string
  readonly drop?: string
  readonly json?: true
}

export async function runIndexes(
  flags: IndexesFlags,
  { environment, out, err, endWith }: CommandContext,
): Promise<void> {
  const { folder, storeUrl } = settingsOf(flags, environment)
  if (folder !== undefined && !existsSync(folder)) {
    throw new HoldfastError('NOT_FOUND', `There is no data folder ${folder}: name one with --data, or a --database`)
  }
  await using store = await openDocumentStore(storeUrl)
  if (flags.drop !== undefined) {
    await store.indexes.drop(flags.drop)
    if (flags.json !== true) await err.line(`holdfast: dropped ${flags.drop}`)
  }
  const report = await store.indexes.report(flags.collection)
  const ok = report.indexes.every(({ status }) => status === 'ready' || status === 'building')
  if (flags.json === true) await out.json({ ok, ...report })
  else await out.write(shown(report))
  if (!ok) endWith(1)
}

function shown({ indexes, missing }: IndexReport): string {
  const rows = indexes.map((index) => {
    const { collection, on, status, scans, name } = index
    return [
      collection,
      on.join(', '),
      kindOf(index),
      status,
      sizeOf(index),
      scans === undefined ? '' : `${scans}`,
      name,
    ]
  })
  const parts = [rows.length === 0 ? 'No indexes are declared.\n' : table(header, rows)]
  const advice = indexes.flatMap((index) => adviceOn(index).map((text) => `${index.name}: ${text}\n`))
  if (advice.length > 0) parts.push(advice.join(''))
  if (missing.length > 0) parts.push(`Queries that no index serves:\n${table(missingHeader, missing.map(missingRow))}`)
  return parts.join('\n')
}

const header = ['collection', 'fields', 'kind', 'status', 'size', 'scans', 'name']
const missingHeader = ['collection', 'calls', 'total ms', 'filter', 'sort', 'would serve']

function missingRow({ collection, count, totalMs, equality, range, sort, suggestion }: MissingIndex): string[] {
  const filter = [...equality.map((path) => `${path} =`), ...range.map((path) => `${path} < >`)].join(', ')
  const order = Object.entries(sort).map(([path, direction]) => (direction === 1 ? path : `${path} ↓`))
  return [collection, String(count), totalMs.toFixed(0), filter, order.join(', '), JSON.stringify(suggestion)]
}

function kindOf({ kind, unique, partial }: IndexState): string {
  const words = [unique ? 'unique' : '', partial ? 'partial' : '', kind === 'fields' ? '' : kind]
  return words.filter((word) => word !== '').join(' ')
}

function sizeOf({ sizeBytes }: IndexState): string {
  if (sizeBytes === undefined) return ''
  return sizeBytes < 1024 ** 2 ? `${(sizeBytes / 1024).toFixed(0)} KiB` : `${(sizeBytes / 1024 ** 2).toFixed(1)} MiB`
}

function adviceOn({ status, unused, name, error }: IndexState): string[] {
  const reason = error === undefined ? '' : ` (${error})`
  switch (status) {
    case 'missing':
      return [`is declared and not there${reason}: the next program that opens the collection builds it`]
    case 'invalid':
      return [`is left from a build that failed${reason}: the next program that opens the collection builds it anew`]
    case 'undeclared':
      return [`is not declared any more: holdfast indexes --drop ${name}`]
    case 'ready':
      return unused ? ['has never been used: it costs every write'] : []
    case 'building':
      return []
  }
}
