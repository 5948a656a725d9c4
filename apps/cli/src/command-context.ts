import { exitCodeOfSignal } from './exit-codes.js'
import { Output } from './output.js'

/** What a command gets from the process it runs in. */
export interface CommandContext {
  /** Results. */
  readonly out: Output
  /** Progress, notes and errors. */
  readonly err: Output
  readonly input: NodeJS.ReadStream
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** The first SIGINT, SIGTERM or SIGHUP aborts it; the reason is the signal's name. */
  readonly signal: AbortSignal
  /** The exit code of a command that did what it was asked, and found something wrong. Without it 0. */
  readonly endWith: (code: number) => void
}

// In a terminal Ctrl-C reaches the command twice under `npm start`: from the terminal and, forwarded, from npm.
const sameKeystrokeMs = 500

/** Signals ask a command to end what it is doing; a second one ends the process at once. */
export function openContext(): CommandContext {
  const stop = new AbortController()
  let firstAt = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (!stop.signal.aborted) {
      firstAt = now
      stop.abort(signal)
    } else if (now - firstAt > sameKeystrokeMs) {
      process.exit(exitCodeOfSignal(signal))
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return {
    out: new Output(process.stdout),
    err: new Output(process.stderr),
    // Opening it is left to those who read it: an open stdin keeps the process alive.
    get input() {
      return process.stdin
    },
    environment: process.env,
    signal: stop.signal,
    endWith: (code) => {
      process.exitCode = code
    },
  }
}
