import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FromProcess, ToProcess } from './process-messages.js'

const keptOfStderr = 2_000
/** ONNX Runtime 1.30 reports its use to Microsoft unless it is told not to, and leaves files (`mat-debug-….log`, `.ses`) in the folder for
 *  temporary ones. Nobody who runs a model here has agreed to that. */
const quiet = { ORT_DISABLE_TELEMETRY: '1' }

// A process that is killed hard takes its models along when they notice that it is gone; one that ends by itself need not wait for that.
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** The process of a model: how it is started, spoken to and ended. */
export class ModelProcess {
  /** Set by its owner once the model is loaded. */
  ready = false
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  #stderr = ''

  constructor(script: URL, settings: unknown, receive: (message: FromProcess) => void) {
    const child = fork(fileURLToPath(script), {
      serialization: 'advanced',
      // Nothing of the caller's: it may be a test runner, or a program given with --eval.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...withoutSecrets(process.env), ...quiet },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    alive.add(child)
    this.exited = exitOf(child).finally(() => alive.delete(child))
    child.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-keptOfStderr)
    })
    child.on('message', receive as (message: unknown) => void)
    this.send({ type: 'load', settings })
  }

  /** How it died, with the end of what it complained about. */
  lastWords(): Error {
    const { exitCode, signalCode } = this.#child
    return new Error(`It ended with ${signalCode ?? `code ${exitCode}`}. ${this.#stderr.trim()}`.trim())
  }

  /** @throws what cannot be copied to another process */
  send(message: ToProcess): void {
    // A process that is gone is told of by its exit.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** Whether the process of the caller is kept alive by this one. */
  hold(on: boolean): void {
    for (const one of [
      this.#child,
      this.#child.channel,
      this.#child.stderr as { ref?(): void; unref?(): void } | null,
    ]) {
      if (on) one?.ref?.()
      else one?.unref?.()
    }
  }

  async kill(): Promise<void> {
    this.hold(true)
    this.#child.kill('SIGKILL')
    await this.exited
  }
}

async function exitOf(child: ChildProcess): Promise<void> {
  try {
    await once(child, 'exit')
  } catch {
    // It was not even started.
  }
}

/** A model needs no keys and no database. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSecret = /^HOLDFAST_(?!TEST_RUN)|^PG|KEY|TOKEN|SECRET|PASSW|_URL$/i
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSecret.test(name)))
}
