import cliProgress from 'cli-progress'
import type { Output } from './output.js'

export interface Progress {
  /** The whole work may turn out larger than it seemed. */
  update(done: number, total: number): void
  /** Takes the bar away. */
  stop(): void
}

/** A bar on standard error while long work runs; nothing where that is not a terminal. */
export function startProgress(err: Output, label: string, quiet = false): Progress {
  if (quiet || !err.isTerminal) return { update: () => {}, stop: () => {} }
  const bar = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage} % {eta_formatted}`,
      stream: err.stream,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(1, 0)
  return {
    update(done, total) {
      bar.setTotal(Math.max(1, total))
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

/** The same for work of which nobody knows how much it is. */
export function startCount(err: Output, label: string, quiet = false): { update(done: number): void; stop(): void } {
  if (quiet || !err.isTerminal) return { update: () => {}, stop: () => {} }
  const bar = new cliProgress.SingleBar({
    format: `${label} {value} {duration_formatted}`,
    stream: err.stream,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  })
  bar.start(0, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}
