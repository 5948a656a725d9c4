import { HoldfastError } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { digestContent, isEmpty, StoreNote } from '../backup/restore-backup.js'
import type { ExportOrigin } from '../transfer/export.js'
import type { ImportTarget } from '../transfer/import.js'
import type { MoveOptions, MoveReport, PassReport } from './move-report.js'
import { reconcile } from './reconcile.js'

/** Takes the fence of a source that was moved away, which is then in service as it was at the cutover.
 *  @param expected the digest that the store moved to has; another one than the source's means that something was written there since
 *  @throws FAILED_PRECONDITION then */
export async function putBackInService(from: ExportOrigin, expected: string | undefined): Promise<void> {
  if (expected !== undefined && expected !== (await digestContent(from)).sha256) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'The other store has been written to since the move: move it back, with this one as the target and what is in it replaced',
      { reason: 'WRITTEN_SINCE' },
    )
  }
  await from.backend.transfer.fence(false)
}

/** A pass that had to change no more than this share of what it looked at is near enough for a cutover; at most so many passes before it. */
const nearEnough = 0.01
const maxPasses = 4

/** Copies a store into another while it is in service, then fences it and makes the other the same. When anything fails before the target was found to hold the
 *  same, the fence goes again. */
export async function moveStore(
  from: ExportOrigin,
  to: ExportOrigin & ImportTarget,
  options: MoveOptions = {},
): Promise<MoveReport> {
  checkOptions(options, ['until', 'writersStopped', 'replace', 'signal', 'onProgress'])
  const { until = 'cutover', signal, onProgress } = options
  if (from.backend.kind === 'memory' || to.backend.kind === 'memory') {
    throw new HoldfastError('INVALID_ARGUMENT', 'A store in memory is not moved: export it and import the export')
  }
  const canFence = await from.backend.transfer.canFence()
  if (until === 'cutover' && !canFence && options.writersStopped !== true) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'This source cannot be told to refuse writes: stop all who write to it, and say so',
      { reason: 'CANNOT_FENCE' },
    )
  }
  const note = new StoreNote(to.backend, 'holdfast/move')
  const isBegun = (await note.read()) !== undefined
  if (!isBegun && options.replace !== true && !(await isEmpty(to.backend))) {
    throw new HoldfastError('FAILED_PRECONDITION', 'The store to move to holds something already: name an empty one', {
      reason: 'STORE_NOT_EMPTY',
    })
  }
  await note.write({ begun: true })
  const passes: PassReport[] = []
  const pass = async (doing: 'copy' | 'catch up' | 'cutover'): Promise<PassReport> => {
    const onRow = (rows: number): void => onProgress?.(doing, rows)
    const report = await reconcile(from, to, { onRow, ...(signal === undefined ? {} : { signal }) })
    passes.push(report)
    return report
  }
  await pass('copy')
  if (until === 'copy') return { passes, fenced: false, fencedMs: 0 }
  for (let last = passes[0]; passes.length < maxPasses && !isNear(last);) last = await pass('catch up')
  const fencedAt = performance.now()
  if (canFence) await from.backend.transfer.fence(true)
  try {
    await pass('cutover')
    const [a, b] = await Promise.all([digestContent(from), digestContent(to)])
    if (a.sha256 !== b.sha256) {
      throw new HoldfastError(
        'DATA_LOSS',
        'The two stores differ after the cutover: somebody writes to one of them. The source is in service again',
        { reason: 'MOVE_DIFFERS' },
      )
    }
    const fencedMs = Math.round(performance.now() - fencedAt)
    await note.remove()
    return { passes, fenced: canFence, fencedMs, sha256: a.sha256 }
  } catch (error) {
    if (canFence) await from.backend.transfer.fence(false)
    throw error
  }
}

function isNear(report: PassReport | undefined): boolean {
  if (report === undefined) return false
  return report.written + report.removed <= (report.rows + report.blobs) * nearEnough
}
