import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const policy = '/usr/sbin/policy-rc.d'

/** Tests with Redis need Debian's redis-server. As root on Debian it is installed, without being started as a service; elsewhere
 *  those tests are skipped, and say so. */
export async function installRedis() {
  if (await isInstalled()) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  process.stdout.write('test: installing redis-server\n')
  const keepQuiet = !existsSync(policy)
  // Debian's way to say that services are not to be started: https://manpages.debian.org/policy-rc.d
  if (keepQuiet) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 180_000 }
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], options)
  try {
    await install().catch(async () => {
      await run('apt-get', ['update', '-qq'], options)
      await install()
    })
  } catch (error) {
    process.stdout.write(
      `test: redis-server could not be installed, its tests are skipped: ${String(error).split('\n')[0]}\n`,
    )
  } finally {
    if (keepQuiet) await rm(policy, { force: true })
  }
}

async function isInstalled() {
  try {
    await run('redis-server', ['--version'])
    return true
  } catch {
    return false
  }
}
