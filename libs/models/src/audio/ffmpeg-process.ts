import { HoldfastError } from '@holdfast/errors'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { noFfmpeg } from './audio-failures.js'

export interface FfmpegOptions {
  /** Default: the `ffmpeg` that the PATH finds. */
  readonly command?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** How long it may neither take nor give anything while somebody waits for it; default 30,000. */
  readonly stallMs?: number | undefined
}

export interface FfmpegRun {
  /** Its output as it comes. Ending the iteration early kills it. @throws FFMPEG_MISSING; CANCELLED; DEADLINE_EXCEEDED when it stalled;
   *  FfmpegFailure */
  readonly output: AsyncIterable<Uint8Array>
  /** What it has written about its input so far. */
  log(): string
}

/** It ended with an error; `log` says why. */
export class FfmpegFailure extends Error {
  readonly log: string
  constructor(code: string, log: string) {
    super(`ffmpeg ended with ${code}: ${log.split('\n').slice(-3).join(' ')}`)
    this.log = log
  }
}

const defaultStallMs = 30_000
const keptOfLog = 16_000
const limits = ['-nostdin', '-hide_banner', '-nostats', '-max_alloc', String(256 * 1024 * 1024), '-threads', '1']

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Runs ffmpeg with pipes on both sides: what is read of the input is bounded by what is taken of the output.
 *  @param what needs it, for the error when it is not installed
 *  @param input `undefined`: it reads a file that `args` name
 *  @param inspect called with each part of its log; throwing ends it with that error */
export function runFfmpeg(
  what: string,
  args: readonly string[],
  input: AsyncIterable<Uint8Array> | undefined,
  { command = 'ffmpeg', signal, stallMs = defaultStallMs }: FfmpegOptions = {},
  inspect: (log: string) => void = () => {},
): FfmpegRun {
  let log = ''
  return { output: output(), log: () => log }

  async function* output(): AsyncGenerator<Uint8Array, void, undefined> {
    if (signal?.aborted === true) throw cancelled()
    const child = spawn(command, [...limits, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    alive.add(child)
    let failure: unknown
    const fail = (error: unknown) => {
      failure ??= error
      child.kill('SIGKILL')
      child.stdout.destroy()
    }
    const exited = once(child, 'close').catch((error: NodeJS.ErrnoException) => {
      failure ??= error.code === 'ENOENT' ? noFfmpeg(what, error) : error
    })
    const onAbort = () => fail(cancelled())
    signal?.addEventListener('abort', onAbort)
    child.stderr.on('data', (data: Buffer) => {
      log = (log + data.toString()).slice(-keptOfLog)
      try {
        inspect(log)
      } catch (error) {
        fail(error)
      }
    })
    let stalled: NodeJS.Timeout | undefined
    const touch = () => stalled?.refresh()
    const feeding = feed(child, input, touch).catch(fail)
    try {
      const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
      for (;;) {
        stalled = setTimeout(() => fail(stall(stallMs)), stallMs)
        const { done, value } = await chunks.next().catch((error: unknown) => {
          failure ??= error
          return { done: true as const, value: undefined }
        })
        clearTimeout(stalled)
        if (done === true) break
        yield value
      }
      await exited
      if (failure !== undefined) throw failure
      if (child.exitCode !== 0) {
        const code = child.signalCode ?? `code ${child.exitCode}`
        throw new FfmpegFailure(code, log)
      }
      await feeding
    } finally {
      clearTimeout(stalled)
      signal?.removeEventListener('abort', onAbort)
      child.kill('SIGKILL')
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
      await exited
      alive.delete(child)
    }
  }
}

/** Writes the input as fast as it is taken. That the other end is closed is told by its exit. */
async function feed(
  child: ChildProcess,
  input: AsyncIterable<Uint8Array> | undefined,
  touch: () => void,
): Promise<void> {
  const { stdin } = child
  if (stdin === null) return
  let closed = false
  const close = once(stdin, 'close').catch(() => {})
  void close.then(() => {
    closed = true
  })
  stdin.on('error', () => {})
  if (input !== undefined) {
    for await (const bytes of input) {
      if (closed) return
      touch()
      if (!stdin.write(bytes)) await Promise.race([once(stdin, 'drain').catch(() => {}), close])
    }
  }
  stdin.end()
}

function cancelled(): HoldfastError {
  return new HoldfastError('CANCELLED', 'The work of ffmpeg was cancelled')
}

function stall(ms: number): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', `ffmpeg did nothing for ${ms} ms and was killed`, {
    reason: 'FFMPEG_STALLED',
  })
}
