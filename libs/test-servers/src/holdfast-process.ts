import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.js'

const binary = fileURLToPath(new URL('../../../apps/cli/bin/holdfast.js', import.meta.url))

/** A running `holdfast up`, on a port that stays the same over restarts. */
export class HoldfastProcess implements AsyncDisposable {
  readonly address: string
  readonly #arguments: readonly string[]
  readonly #environment: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #lastErrors: string[] = []

  readonly #binary: string

  private constructor(
    port: number,
    storeArguments: readonly string[],
    environment: Readonly<Record<string, string>>,
    program: string,
  ) {
    this.#binary = program
    this.address = `127.0.0.1:${port}`
    this.#arguments = ['up', '--json', '--listen', this.address, '--metrics', 'off', ...storeArguments]
    this.#environment = environment
  }

  /** @param storeArguments `--data DIR` or `--database URL`
   *  @param program the `holdfast.js` of another version; default: this one's */
  static async start(
    storeArguments: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    program: string = binary,
  ): Promise<HoldfastProcess> {
    const started = new HoldfastProcess(await freePort(), storeArguments, environment, program)
    await started.start()
    return started
  }

  /** Of the process that runs now; changes with each start. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** @returns milliseconds until it was ready */
  async start(): Promise<number> {
    const before = performance.now()
    const child = spawn(process.execPath, [this.#binary, ...this.#arguments], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#environment },
    })
    this.#child = child
    this.#lastErrors = []
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#lastErrors = [...this.#lastErrors.slice(-20), line]
    })
    const lines = createInterface({ input: child.stdout })
    const ready = once(lines, 'line')
    const ended = once(child, 'exit').then(() => 'ended' as const)
    if ((await Promise.race([ready, ended])) === 'ended') {
      throw new Error(`holdfast up ended before it was ready:\n${this.#lastErrors.join('\n')}`)
    }
    return performance.now() - before
  }

  /** SIGKILL, and waits until the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
}
