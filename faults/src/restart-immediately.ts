import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresServer } from '@holdfast/test-servers'

/** SIGQUIT: it writes nothing more, and recovers from its log. https://www.postgresql.org/docs/current/server-shutdown.html */
export async function restartImmediately(postgres: PostgresServer): Promise<void> {
  const { pid } = postgres
  process.kill(pid, 'SIGQUIT')
  while (isThere(pid)) await delay(5)
  await postgres.restart()
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
