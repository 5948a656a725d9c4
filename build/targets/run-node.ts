import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs a script of Node.js, what it prints included. @returns whether it succeeded */
export async function runNode(folder: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  return code === 0
}
