import { invalidField } from '@holdfast/errors'
import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import type { TopFlags } from '../top/run-top.js'

export function topCommand(context: CommandContext): Command {
  return new Command('top')
    .description(
      'Show live what servers do: rates, latencies, errors, hits of caches, queues, memory; one frame if the output is no terminal.',
    )
    .option(
      '--metrics <host:port...>',
      'where processes serve their metrics, several for several processes (default: where `holdfast up` does)',
    )
    .option('--interval <seconds>', 'between two looks, from 0.1 (default: 2)', seconds, 2)
    .option('--once', 'one frame')
    .option('--json', 'one sample, as one JSON object')
    .option('--config <file>', 'configuration in YAML or JSON')
    .action(async (flags: TopFlags) => (await import('../top/run-top.js')).runTop(flags, context))
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value >= 0.1 && value <= 3600))
    throw invalidField('--interval', `must be from 0.1 to 3600 seconds, not ${text}`)
  return value
}
