import { readFile, readdir, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What a process has open, of which there may be several alike: `socket:[4711]`. */
export async function openHandles(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`
  const numbers = await readdir(folder).catch(() => [])
  const targets = await Promise.all(numbers.map((number) => readlink(`${folder}/${number}`).catch(() => '')))
  return targets.filter((target) => target !== '')
}

/** Those that were not open before, after all that pass have passed. A peer whose SETTINGS were broken is told GOAWAY, and Node.js reads nothing more from
 *  it, not even that it has left: keepalive finds that out, which takes up to 50 s. The processes of local models, which start when one is first
 *  needed, are no peers: each holds two sockets. */
export async function leakedHandles(pid: number, before: readonly string[]): Promise<string[]> {
  const known = new Set(before)
  for (let waitedMs = 0; ; waitedMs += 500) {
    const more = (await openHandles(pid)).filter((target) => !known.has(target))
    const toProcesses = await unixSockets()
    const local = more.filter((target) => toProcesses.has(target))
    const beyond = local.slice(2 * (await children(pid)))
    const leaked = [...more.filter((target) => !toProcesses.has(target)), ...beyond]
    if (leaked.length === 0 || waitedMs >= 90_000) return leaked
    await delay(500)
  }
}

async function unixSockets(): Promise<ReadonlySet<string>> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n').slice(1)
  return new Set(lines.map((line) => `socket:[${line.trim().split(/\s+/)[6]}]`))
}

async function children(pid: number): Promise<number> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return list.split(' ').filter((child) => child.trim() !== '').length
}
