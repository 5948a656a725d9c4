import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

// What a test stopped without waiting may need a moment to end.
const graceMs = 3_000

/** Ends the processes that were started with this environment variable (`NAME=value`) and still run after a moment, and
 *  says which they were. Looks into /proc: where there is none (macOS, Windows) nothing is found. */
export async function endStrayProcesses(variable) {
  const deadline = Date.now() + graceMs
  let strays = await startedWith(variable)
  while (strays.length > 0 && Date.now() < deadline) {
    await delay(100)
    strays = await startedWith(variable)
  }
  for (const { pid } of strays) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
  return strays.map(({ pid, command }) => `${pid} ${command}`)
}

async function startedWith(variable) {
  const pids = (await readdir('/proc').catch(() => [])).filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  )
  const found = []
  for (const pid of pids) {
    // Unreadable: another user's, or gone.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (!environment.split('\0').includes(variable)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    found.push({ pid: Number(pid), command: command.split('\0').join(' ').trim().slice(0, 200) })
  }
  return found
}
