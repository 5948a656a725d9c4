import { spawn } from 'node:child_process'

/** Waits until the pipe to this process closes, however this process ends (SIGKILL included), and then stops the server and
 *  removes its folder. Paused children are woken first, or they would never see that the postmaster is gone. */
const script = `
read -r word
[ "$word" = done ] && exit
for child in $(cat /proc/$0/task/$0/children 2>/dev/null); do kill -CONT "$child"; done
kill -CONT "$0"
kill -QUIT "$0"
for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$0" 2>/dev/null || break; sleep 0.5; done
kill -KILL "$0"
rm -rf -- "$1"
`

export function startWatchdog(pid: number, folder: string): { stop(): void } {
  const child = spawn('sh', ['-c', script, String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  const pipe = child.stdin
  if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
  pipe.on('error', () => {})
  return {
    stop: () => {
      pipe.end('done\n')
    },
  }
}
