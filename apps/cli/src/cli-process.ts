import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type CliResult, runHere } from './cli-here.js'

/** For tests: the command as a user runs it. */
const binary = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url))

export interface CliOptions {
  /** For standard input; default: none, which is empty. */
  readonly input?: string
  /** Added to the environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly folder?: string
  readonly signal?: AbortSignal
}

/** Runs a command to its end, in this process unless it is to run in another folder. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { folder, ...here } = options
  return folder === undefined ? runHere(args, here) : runCliProcess(args, options)
}

/** Runs a command to its end as a user does. */
export async function runCliProcess(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawnCli(args, options)
  child.stdin?.end(options.input ?? '')
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)])
  await exit
  return { code: child.exitCode, stdout, stderr }
}

/** As runCli, for commands that must succeed; answers what they printed. */
export async function outputOf(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, options)
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** A command that goes on until it is stopped; killed when disposed. */
export class CliProcess implements AsyncDisposable {
  readonly child: ChildProcess
  stderr = ''

  constructor(args: readonly string[], options: CliOptions = {}) {
    this.child = spawnCli(args, options)
    this.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk
    })
  }

  /** The first line that it prints. @throws if it ends before */
  async firstLine(): Promise<string> {
    if (this.child.stdout === null) throw new Error('The output of the command is not piped')
    for await (const line of createInterface({ input: this.child.stdout })) return line
    throw new Error(`The command ended before it printed a line: ${this.stderr}`)
  }

  /** @returns its exit code, or the signal that ended it */
  async end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exit = once(this.child, 'exit')
      if (signal !== undefined) this.child.kill(signal)
      await exit
    }
    return this.child.exitCode ?? this.child.signalCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}

async function textOf(stream: Readable | null): Promise<string> {
  return stream === null ? '' : text(stream)
}

function spawnCli(args: readonly string[], { environment, folder, signal }: CliOptions): ChildProcess {
  return spawn(process.execPath, [binary, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    ...(folder === undefined ? {} : { cwd: folder }),
    ...(signal === undefined ? {} : { signal }),
  })
}
