import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

export function upCommand(context: CommandContext): Command {
  return withStoreOptions(new Command('up'))
    .description('Run the chat service, with its database, in this process, until it is told to stop.')
    .option('--listen <host:port>', 'where gRPC listens; port 0: a free one (default: 127.0.0.1:9095)')
    .option('--auth <kinds>', 'who may call: keys, jwt or keys,jwt (default: none, for development, on loopback only)')
    .option(
      '--services <names>',
      'what to serve, with commas: chat, artifacts, speech-to-text, text-to-speech, vision, image-generation, dag (default: everything)',
    )
    .option('--metrics <host:port>', 'where Prometheus metrics are served, or `off` (default: 127.0.0.1:9464)')
    .option(
      '--json',
      'one line on standard output when it is ready: { "ready": true, "grpc": …, "metrics": …, "data": … }',
    )
    .action(async (flags) => (await import('../up/run-up.js')).runUp(flags, context))
}
