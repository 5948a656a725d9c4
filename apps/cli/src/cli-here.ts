import { PassThrough, Readable, type Writable } from 'node:stream'
import type { CliResult } from './cli-process.js'
import type { CommandContext } from './command-context.js'
import { reportFailure } from './failure.js'
import { Output } from './output.js'
import { createProgram } from './program.js'

export interface HereOptions {
  /** For standard input; default: none, which is empty. */
  readonly input?: string
  /** Standard error is a terminal with so many columns. */
  readonly columns?: number
  readonly signal?: AbortSignal
}

/** For tests: runs a command to its end in the process of the test, which spares the start of one. Whatever is about the process itself (signals, exits,
 *  how fast it starts) needs `runCli`. */
export async function runHere(args: readonly string[], options: HereOptions = {}): Promise<CliResult> {
  const { input = '', columns, signal = new AbortController().signal } = options
  const [stdout, stderr] = [new Memory(), new Memory()]
  const terminal = columns === undefined ? stderr.stream : Object.assign(stderr.stream, { isTTY: true, columns })
  const context: CommandContext = {
    out: new Output(stdout.stream),
    err: new Output(terminal),
    input: Readable.from([Buffer.from(input)]) as unknown as NodeJS.ReadStream,
    environment: process.env,
    signal,
  }
  let code = 0
  try {
    await createProgram(context).parseAsync(['node', 'holdfast', ...args])
  } catch (error) {
    code = await reportFailure(error, context, false)
  }
  return { code, stdout: stdout.text, stderr: stderr.text }
}

/** As runHere, for commands that must succeed; answers what they printed. */
export async function outputHere(args: readonly string[], options: HereOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runHere(args, options)
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

class Memory {
  readonly stream: Writable
  readonly #chunks: Buffer[] = []

  constructor() {
    this.stream = new PassThrough().on('data', (chunk: Buffer) => this.#chunks.push(chunk))
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString()
  }
}
