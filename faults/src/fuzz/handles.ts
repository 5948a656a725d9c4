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
 *  it, not even that it has left: keepalive finds that out, which takes up to 50 s. No peers are the connections to the database, of which there are at
 *  most `mostConnections`, and the processes of local models, which start when one is first needed and hold two sockets each. */
export async function leakedHandles(pid: number, before: readonly string[], databasePort: number): Promise<string[]> {
  const known = new Set(before)
  for (let waitedMs = 0; ; waitedMs += 500) {
    const more = (await openHandles(pid)).filter((target) => !known.has(target))
    const [local, stored] = await Promise.all([unixSockets(), socketsTo(databasePort)])
    const ofModels = more.filter((target) => local.has(target))
    const ofDatabase = more.filter((target) => stored.has(target))
    const others = more.filter((target) => !local.has(target) && !stored.has(target))
    const beyond = [...ofModels.slice(2 * (await children(pid))), ...ofDatabase.slice(mostConnections)]
    const leaked = [...others, ...beyond]
    if (leaked.length === 0 || waitedMs >= 90_000) return leaked
    await delay(500)
  }
}

/** Of a pool and its listener. */
const mostConnections = 11

async function unixSockets(): Promise<ReadonlySet<string>> {
  const rows = await rowsOf('/proc/net/unix')
  return new Set(rows.map((columns) => `socket:[${columns[6]}]`))
}

/** Those of this machine whose other end is the port. */
async function socketsTo(port: number): Promise<ReadonlySet<string>> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = [...(await rowsOf('/proc/net/tcp')), ...(await rowsOf('/proc/net/tcp6'))]
  return new Set(rows.filter((columns) => columns[2]?.endsWith(ending)).map((columns) => `socket:[${columns[9]}]`))
}

async function rowsOf(path: string): Promise<string[][]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
}

async function children(pid: number): Promise<number> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return list.split(' ').filter((child) => child.trim() !== '').length
}
