import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClientSetup } from './client.js'

export interface At {
  readonly turn: number
  readonly exists: boolean
}

/** What clients have told: what was acknowledged, and what may or may not have happened. */
export class Ledger {
  readonly expected: Map<string, At> = new Map()
  readonly doubtful: Map<string, At> = new Map()
  readonly stale: string[] = []
  readonly failed: string[] = []
  operations = 0

  note(line: string): void {
    const [word = '', key = '', turn, exists] = line.split(' ')
    if (word === 'begin') {
      this.doubtful.set(key, { turn: Number(turn), exists: exists === '1' })
    } else if (word === 'done') {
      const done = this.doubtful.get(key)
      if (done !== undefined) this.expected.set(key, done)
      this.doubtful.delete(key)
      this.operations += 1
    } else if (word === 'stale') {
      this.stale.push(line)
    } else if (word === 'failed') {
      this.failed.push(line)
    }
  }
}

/** The parent's side of a process with clients. */
export class ClientProcess {
  readonly #setup: Omit<ClientSetup, 'expected' | 'doubtful'>
  readonly #ledger: Ledger
  readonly #file: string
  #child: ChildProcess | undefined
  #ready: (() => void) | undefined
  #paused: (() => void) | undefined
  #ended = false

  constructor(setup: Omit<ClientSetup, 'expected' | 'doubtful'>, ledger: Ledger, folder: string) {
    this.#setup = setup
    this.#ledger = ledger
    this.#file = join(folder, `clients-${setup.clients[0]}.json`)
  }

  async start(seed: number): Promise<void> {
    const expected = [...this.#ledger.expected].map(([key, { turn, exists }]) => [key, turn, exists] as const)
    const doubtful = [...this.#ledger.doubtful].map(([key, { turn, exists }]) => [key, turn, exists] as const)
    const setup: ClientSetup = { ...this.#setup, seed, expected, doubtful }
    await writeFile(this.#file, JSON.stringify(setup))
    const program = join(import.meta.dirname, 'client.js')
    const child = spawn(process.execPath, [program, this.#file], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    const ready = new Promise<void>((resolve) => {
      this.#ready = resolve
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') this.#ready?.()
      else if (line === 'paused') this.#paused?.()
      else this.#ledger.note(line)
    })
    child.on('exit', (code) => {
      if (!this.#ended && this.#child === child) this.#ledger.failed.push(`a client process ended with ${code}`)
      this.#ready?.()
      this.#paused?.()
    })
    await ready
  }

  async pause(): Promise<void> {
    const paused = new Promise<void>((resolve) => {
      this.#paused = resolve
    })
    this.#child?.stdin?.write('pause\n')
    await paused
  }

  go(): void {
    this.#child?.stdin?.write('go\n')
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#ended = true
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    }
    this.#child = undefined
    this.#ended = false
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#file, { force: true })
  }
}
