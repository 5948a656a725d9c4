import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions, wholeNumber } from '../commands/store-options.js'

const steps: readonly { readonly name: string; readonly says: string; readonly walks?: true }[] = [
  { name: 'plan', says: 'Say what there is to migrate. Changes nothing but tables of its own beside the old one.' },
  { name: 'dual-write', says: 'From now on documents get copies of what is written.' },
  { name: 'backfill', says: 'Copy what was there before.', walks: true },
  {
    name: 'verify',
    says: 'Compare both stores, key range by key range, and make the copies that are missing. Exit code 1: they differed.',
    walks: true,
  },
  { name: 'cutover', says: 'Make the documents what answers; the old table gets copies.' },
  { name: 'finish', says: 'Leave the old table as it is from now on.' },
  {
    name: 'rollback',
    says: 'Go back, from any step; what was written since is in the old table then.',
    walks: true,
  },
  { name: 'status', says: 'Say how far the migration is.' },
]

const conversions = [
  {
    name: 'convert',
    says: 'Make conversations of them; the sessions stay. Can be repeated: what is there already stays.',
  },
  {
    name: 'write-back',
    says: 'Write conversations as the old service would have; those deleted here are deleted there.',
  },
] as const

function fromOption(): Option {
  return new Option('--from <url>', 'the database with the old table: postgres://user:password@host:port/name')
    .env('HOLDFAST_MIGRATE_FROM')
    .makeOptionMandatory()
}

function redisOption(): Option {
  return new Option('--from-redis <url>', 'the Redis of the old service').env('HOLDFAST_MIGRATE_FROM_REDIS')
}

/** Where the work is done is loaded when it is called. */
export function migrateCommand(context: CommandContext): Command {
  const migrate = new Command('migrate').description('Move from a store that came before to this one, and back.')
  const sessions = new Command('sessions').description(
    'Sessions from the table of the old service to documents, step by step, while they are in use.',
  )
  for (const { name, says, walks } of steps) {
    const command = withStoreOptions(new Command(name))
      .description(says)
      .addOption(fromOption())
      .addOption(redisOption())
      .option('--name <name>', 'of the session store', 'sessions')
      .option('--json', 'a summary as one JSON object')
    if (walks === true) {
      command.option('--rate <n>', 'sessions a second at most', wholeNumber('--rate', 1))
    }
    if (name === 'rollback') {
      command
        .option('--to <phase>', 'not all the way', 'direct')
        .option('--without-documents', 'their database cannot be reached: from any step before `finish`, all the way')
    }
    if (name === 'cutover' || name === 'rollback') {
      command.option('--max-hold <ms>', 'how long writers may wait at most', wholeNumber('--max-hold', 1_000), 10_000)
    }
    command.action(async (flags) => (await import('./run-migrate.js')).runMigrate(name, flags, context))
    sessions.addCommand(command)
  }
  migrate.addCommand(sessions)
  const conversations = new Command('conversations').description(
    'Conversations from the sessions of the old service (`session:ID:context`, `:metadata`, `:state`), and back, in whatever phase these are.',
  )
  for (const { name, says } of conversions) {
    const command = withStoreOptions(new Command(name))
      .description(says)
      .addOption(fromOption())
      .addOption(redisOption())
      .option('--name <name>', 'of the session store', 'sessions')
      .option('--json', 'a summary as one JSON object')
    command.action(async (flags) => (await import('./run-conversion.js')).runConversion(name, flags, context))
    conversations.addCommand(command)
  }
  migrate.addCommand(conversations)
  return migrate
}
