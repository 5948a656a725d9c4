import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

export function auditCommand(context: CommandContext): Command {
  const audit = new Command('audit').description(
    'What was done that an auditor asks for: calls of admins, erasures, denied calls.',
  )
  audit.addCommand(
    withStoreOptions(new Command('list'))
      .description('Print the entries, oldest first')
      .option('--after <seq>', 'only those behind this number')
      .option('--tenant <name>', 'only those of this tenant')
      .option('--json', 'one JSON object a line')
      .action(async (flags) => (await import('../audit/run-audit.js')).listAudit(flags, context)),
  )
  audit.addCommand(
    withStoreOptions(new Command('verify'))
      .description(
        'Say whether the log is as it was written, and where it is not. Exit code 1: it is not. Prints an anchor to keep elsewhere.',
      )
      .option(
        '--anchor <seq:hash>',
        'an entry as an earlier verify printed it: shows that nothing was cut off or made anew since',
      )
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('../audit/run-audit.js')).verifyAuditLog(flags, context)),
  )
  return audit
}
