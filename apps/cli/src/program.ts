import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CommandContext } from './command-context.js'
import { backupCommand, restoreCommand } from './commands/backup.js'
import { auditCommand } from './commands/audit.js'
import { chatCommand } from './commands/chat.js'
import { configCommand } from './commands/config.js'
import { conversationsCommand } from './commands/conversations.js'
import { dagCommand } from './dag/dag.js'
import { dataCommand } from './commands/data.js'
import { doctorCommand } from './commands/doctor.js'
import { healthCommand } from './commands/health.js'
import { indexesCommand } from './commands/indexes.js'
import {
  imagineCommand,
  jobsCommand,
  lineageCommand,
  modelsCommand,
  seeCommand,
  speakCommand,
  transcribeCommand,
} from './commands/media.js'
import { searchCommand } from './commands/search.js'
import { moveCommand } from './commands/move.js'
import { keysCommand } from './keys/keys.js'
import { migrateCommand } from './migrate/migrate.js'
import { smokeCommand } from './commands/smoke.js'
import { topCommand } from './commands/top.js'
import { upCommand } from './commands/up.js'

/** All commands. What a command needs is loaded when it runs, so that the others start fast. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('holdfast')
    .description('Durable memory for AI services: conversations that survive anything.')
    .version(version())
    .option('--verbose', 'on failure, print the whole error with its stack and causes')
    .showSuggestionAfterError()
    .exitOverride()
    // The caller prints errors, in the form of all other errors.
    .configureOutput({ outputError: () => {}, writeOut: (text) => void context.out.stream.write(text) })
  for (const command of [
    upCommand,
    chatCommand,
    transcribeCommand,
    speakCommand,
    seeCommand,
    imagineCommand,
    jobsCommand,
    lineageCommand,
    modelsCommand,
    conversationsCommand,
    searchCommand,
    dagCommand,
    dataCommand,
    backupCommand,
    restoreCommand,
    keysCommand,
    migrateCommand,
    moveCommand,
    doctorCommand,
    smokeCommand,
    topCommand,
    healthCommand,
    indexesCommand,
    auditCommand,
    configCommand,
  ]) {
    program.addCommand(inheriting(program, command(context)))
  }
  return program
}

/** Commands that are added as objects, as opposed to made by their parent, do not take its settings over by themselves. */
function inheriting(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inheriting(command, child)
  return command
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}
