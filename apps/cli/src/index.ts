export { type CommandContext, openContext } from './command-context.js'
export { createProgram } from './program.js'
