import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const policy = '/usr/sbin/policy-rc.d'

/** What tests need beside npm: `*.redis.test.ts`, `*.audio.test.ts` and `*.promtool.test.ts` say so in their names. */
export const redisPackages = [{ name: 'redis-server', isInstalled: () => runs('redis-server', '--version') }]
export const audioPackages = [
  { name: 'ffmpeg', isInstalled: () => runs('ffmpeg', '-version') },
  { name: 'pocketsphinx-testdata', isInstalled: async () => existsSync('/usr/share/pocketsphinx/test/data') },
]

/** promtool comes with the server, 96 MB; nothing smaller has it. */
export const promtoolPackages = [{ name: 'prometheus', isInstalled: () => runs('promtool', '--version') }]

/** As root on Debian what is missing is installed, without being started as a service; elsewhere the tests that need it are skipped,
 *  and say so. */
export async function installDebianPackages(packages) {
  const missing = []
  for (const { name, isInstalled } of packages) if (!(await isInstalled())) missing.push(name)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  const names = missing.join(', ')
  process.stdout.write(`test: installing ${names}\n`)
  const keepQuiet = !existsSync(policy)
  // Debian's way to say that services are not to be started: https://manpages.debian.org/policy-rc.d
  if (keepQuiet) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 }
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options)
  try {
    await install().catch(async () => {
      await run('apt-get', ['update', '-qq'], options)
      await install()
    })
  } catch (error) {
    process.stdout.write(
      `test: ${names} could not be installed, the tests are skipped: ${String(error).split('\n')[0]}\n`,
    )
  } finally {
    if (keepQuiet) await rm(policy, { force: true })
  }
}

async function runs(command, ...args) {
  try {
    await run(command, args)
    return true
  } catch {
    return false
  }
}
