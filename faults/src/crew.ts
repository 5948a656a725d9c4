import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Worker processes of one script, which get its settings as JSON and tell what they do; killed and paused in the middle of it. They end by
 *  themselves after the message `stop`. */
export class Crew<Settings, Message> {
  kills = 0
  /** Counted when they begin and when they end. */
  pauses = 0
  readonly #script: URL
  readonly #settings: Settings
  readonly #hear: (message: Message) => void
  readonly #children: ChildProcess[] = []
  #failure: Error | undefined

  constructor(script: URL, settings: Settings, hear: (message: Message) => void) {
    this.#script = script
    this.#settings = settings
    this.#hear = hear
  }

  async start(processes: number): Promise<void> {
    this.#children.push(...(await Promise.all(Array.from({ length: processes }, () => this.#spawn()))))
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  async kill(random: number): Promise<void> {
    const at = Math.floor(random * this.#children.length)
    const victim = this.#children[at]
    if (victim === undefined) return
    victim.removeAllListeners('exit')
    const gone = once(victim, 'exit')
    victim.kill('SIGKILL')
    await gone
    this.kills += 1
    this.#children[at] = await this.#spawn()
  }

  /** Lets a process sleep past its leases, and wake to find its jobs with others. */
  async pause(random: number, ms: number): Promise<void> {
    const child = this.#children[Math.floor(random * this.#children.length)]
    if (child === undefined) return
    this.pauses += 0.5
    child.kill('SIGSTOP')
    await delay(ms)
    child.kill('SIGCONT')
    this.pauses += 0.5
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        child.removeAllListeners('exit')
        const gone = once(child, 'exit')
        child.send('stop')
        await gone
      }),
    )
  }

  async #spawn(): Promise<ChildProcess> {
    const child = fork(fileURLToPath(this.#script), [JSON.stringify(this.#settings)])
    child.on('message', (message: Message) => this.#hear(message))
    child.on('exit', (code) => {
      this.#failure ??= new Error(`A worker process ended by itself (${code})`)
    })
    await once(child, 'spawn')
    return child
  }
}
