import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Learns the server's process id from the pipe (0: none) and waits until the pipe closes, however this process ends
 *  (SIGKILL included). Then it stops the server and removes its folder. Paused children are woken first, or they
 *  would never see that the postmaster is gone. */
const script = `
pid=0
while read -r word; do
  [ "$word" = done ] && exit
  pid=$word
done
if [ "$pid" != 0 ]; then
  for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do kill -CONT "$child"; done
  kill -CONT "$pid"
  kill -QUIT "$pid"
  for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
`

export interface Watchdog {
  /** 0: there is no server at the moment. */
  watch(pid: number): void
  stop(): Promise<void>
}

export function startWatchdog(folder: string): Watchdog {
  // In a session of its own, out of reach of Ctrl-C.
  const child = spawn('sh', ['-c', script, 'watchdog', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  const pipe = child.stdin
  if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
  pipe.on('error', () => {})
  return {
    watch: (pid) => {
      pipe.write(`${pid}\n`)
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.ref()
      pipe.end('done\n')
      await exit
    },
  }
}
