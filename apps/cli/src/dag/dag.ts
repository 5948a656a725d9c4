import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOptions, withStoreOptions, wholeNumber } from '../commands/store-options.js'

/** Where the work is done, one file each, is loaded when it is called. */
export function dagCommand(context: CommandContext): Command {
  const dag = new Command('dag').description(
    'Run graphs of nodes durably, and see what they did: in a store that this command opens, or through a running server.',
  )
  dag.addCommand(
    withServerOptions(new Command('validate'), 'a running server, which knows graphs within by their names')
      .description('Say what is wrong with a graph. Exit code 64: something is.')
      .argument('<file>', 'JSON or YAML; `-`: standard input')
      .option('--json', 'one JSON object')
      .action(async (file, flags) => (await import('./validate.js')).validate(file, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('run'))
      .description('Run a graph and show what happens. Exit code 1: it fails.')
      .argument('<file>', 'JSON or YAML; `-`: standard input; with --kept: the name of a kept graph')
      .option(
        '--input <name=value...>',
        'an input; the value as JSON, or else as text; @FILE: the artifact of a file',
        collect,
        [],
      )
      .option('--kept', 'run a graph that was kept under a name')
      .option('--key <key>', 'idempotency key: the same key finds the same run')
      .addOption(new Option('--priority <n>', 'from -100 to 100').argParser(Number))
      .option('--save <output=file...>', 'write the artifact in an output to a file', collect, [])
      .option('--detach', 'print the id and leave')
      .option('--json', 'events as JSON lines, the run last')
      .action(async (file, flags) => (await import('./run.js')).runGraph(file, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('keep'))
      .description('Keep a graph under its name.')
      .argument('<file>')
      .option('--json', 'one JSON object')
      .action(async (file, flags) => (await import('./keep.js')).keepGraph(file, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('delete'))
      .description('Take a kept graph away. Its runs go on, with the version that they have.')
      .argument('<graph>', 'its name')
      .action(async (name, flags) => (await import('./keep.js')).deleteGraph(name, flags, context)),
  )
  dag.addCommand(scheduleCommand(context))
  dag.addCommand(
    withAccess(new Command('list'))
      .description('Runs, newest first.')
      .option('--graph <name>', 'only those of this graph')
      .option('--state <state>', 'only those that are queued, running, paused, succeeded, failed or cancelled')
      .option('--limit <n>', 'at most so many (default: 50)', wholeNumber('--limit', 1))
      .option('--graphs', 'the graphs that are kept, instead')
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('./list.js')).listRuns(flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('show'))
      .description('A run with its nodes.')
      .argument('<run>')
      .option('--json', 'one JSON object')
      .action(async (run, flags) => (await import('./show.js')).showRun(run, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('watch'))
      .description('What has happened in a run, then what happens, until it ends. Exit code 1: it fails.')
      .argument('<run>')
      .option('--after <cursor>', 'behind this event', wholeNumber('--after', 0))
      .option('--json', 'events as JSON lines')
      .action(async (run, flags) => (await import('./run.js')).watchRun(run, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('signal'))
      .description('Answer an approval.')
      .argument('<run>')
      .argument('<name>', 'of the signal: the path of the node, unless it says another')
      .argument('[payload]', 'JSON; false says no', 'null')
      .option('--key <key>', 'idempotency key')
      .action(async (run, name, payload, flags) =>
        (await import('./control.js')).signal(run, { name, payload }, flags, context),
      ),
  )
  for (const [name, description] of [
    ['cancel', 'Stop a run.'],
    ['pause', 'Start nothing more of a run until it is resumed.'],
    ['resume', 'Go on with a paused run.'],
  ] as const) {
    dag.addCommand(
      withAccess(new Command(name))
        .description(description)
        .argument('<run>')
        .action(async (run, flags) => (await import('./control.js')).control(name, run, flags, context)),
    )
  }
  dag.addCommand(
    withAccess(new Command('retry'))
      .description('Run a part of an ended run again, as another run; the rest is taken from the record.')
      .argument('<run>')
      .option('--from <node>', 'the path of a node or of an item (default: what failed)')
      .option('--detach', 'print the id and leave')
      .option('--json', 'events as JSON lines, the run last')
      .action(async (run, flags) => (await import('./run.js')).retryRun(run, flags, context)),
  )
  dag.addCommand(
    withAccess(new Command('graph'))
      .description('Draw a graph as SVG, or a run with the states of its nodes.')
      .argument('[file]', 'JSON or YAML; `-`: standard input')
      .option('--run <run>', 'a run, instead of a file')
      .option('--output <file>', 'instead of standard output')
      .action(async (file, flags) => (await import('./graph.js')).showGraph(file, flags, context)),
  )
  return dag
}

function scheduleCommand(context: CommandContext): Command {
  const schedule = new Command('schedule').description('Start kept graphs at times.')
  schedule.addCommand(
    withAccess(new Command('put'))
      .description('Keep a schedule under its id; one of the same id is replaced.')
      .argument('<id>')
      .requiredOption('--graph <name>', 'of a kept graph; each run is of its newest version')
      .requiredOption('--cron <fields>', 'five fields, or six with seconds first: `0 3 * * *`')
      .option('--zone <name>', 'time zone, as Europe/Berlin (default: UTC)')
      .option('--input <name=value...>', 'as of `dag run`', collect, [])
      .option('--missed <policy>', 'of times when nobody was there: skip, once or all (default: once)')
      .option('--paused', 'it starts nothing until it is resumed')
      .option('--json', 'one JSON object')
      .action(async (id, flags) => (await import('./schedule.js')).putSchedule(id, flags, context)),
  )
  schedule.addCommand(
    withAccess(new Command('list'))
      .description('All schedules, with when they come next.')
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('./schedule.js')).listSchedules(flags, context)),
  )
  for (const [name, paused, description] of [
    ['pause', true, 'Start nothing by a schedule until it is resumed.'],
    ['resume', false, 'Go on with a paused schedule, from its next time on.'],
  ] as const) {
    schedule.addCommand(
      withAccess(new Command(name))
        .description(description)
        .argument('<id>')
        .option('--json', 'one JSON object')
        .action(async (id, flags) => (await import('./schedule.js')).pauseSchedule(id, paused, flags, context)),
    )
  }
  schedule.addCommand(
    withAccess(new Command('delete'))
      .description('Delete a schedule. Runs that it has started go on.')
      .argument('<id>')
      .action(async (id, flags) => (await import('./schedule.js')).deleteSchedule(id, flags, context)),
  )
  return schedule
}

function withAccess(command: Command): Command {
  return withServerOptions(withStoreOptions(command), 'a running server, instead of opening the store here')
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}
