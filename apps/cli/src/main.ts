import { openContext } from './command-context.js'
import { run } from './run.js'

const failed = await run(process.argv.slice(2), openContext())
if (failed !== 0) process.exitCode = failed
