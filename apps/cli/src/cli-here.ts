import { PassThrough, Readable, type Writable } from 'node:stream'
import type { CommandContext } from './command-context.js'
import { Output } from './output.js'
import { run } from './run.js'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface HereOptions {
  /** For standard input; default: none, which is empty. */
  readonly input?: string
  /** Standard error is a terminal with so many columns. */
  readonly columns?: number
  readonly signal?: AbortSignal
  /** Added to the environment, but not to that of options which commander reads from it. */
  readonly environment?: Readonly<Record<string, string>>
}

/** For tests: runs a command to its end in the process of the test, which spares the start of one: what a process loads and compiles first takes a second
 *  of processor time or two. Whatever is about the process itself (signals, exits, how fast it starts) needs `runCliProcess`. */
export async function runHere(args: readonly string[], options: HereOptions = {}): Promise<CliResult> {
  const { input = '', columns, environment, signal = new AbortController().signal } = options
  const [stdout, stderr] = [new Memory(), new Memory()]
  const terminal = columns === undefined ? stderr.stream : Object.assign(stderr.stream, { isTTY: true, columns })
  let found = 0
  const context: CommandContext = {
    out: new Output(stdout.stream),
    err: new Output(terminal),
    input: Readable.from([Buffer.from(input)]) as unknown as NodeJS.ReadStream,
    environment: { ...process.env, ...environment },
    signal,
    endWith: (code) => {
      found = code
    },
  }
  const failed = await run(args, context)
  const code = failed === 0 ? found : failed
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
