import { asHoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { AuditLog } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { StoreFlags } from '../commands/store-options.js'
import { settingsOf } from '../settings.js'

/** What the audit log says of a command. No id that a person or a program chose. */
interface CommandEvent<R> {
  /** `keys revoke`. */
  readonly action: string
  readonly tenant?: string | undefined
  readonly facts: (result: R | undefined) => Readonly<Record<string, string>>
}

/** Runs what an operator's command changes in a store, and writes it into the store's audit log, as servers do of calls, however it ended. What was
 *  done is done: if it cannot be written down, the command says so and does not fail. */
export async function audited<R>(
  store: DocumentStore,
  flags: StoreFlags,
  { environment, err }: CommandContext,
  { action, tenant, facts }: CommandEvent<R>,
  work: () => Promise<R>,
): Promise<R> {
  const { enabled, key } = settingsOf(flags, environment).config.audit
  const record = async (outcome: string, result?: R): Promise<void> => {
    if (!enabled) return
    const event = { kind: 'command' as const, action, outcome, facts: facts(result) }
    const written = new AuditLog(store, { key }).record(tenant === undefined ? event : { ...event, tenant })
    await written.catch((error: unknown) =>
      err.line(`holdfast: ${action} is not in the audit log: ${asHoldfastError(error, 'Writing it').message}`),
    )
  }
  try {
    const result = await work()
    await record('OK', result)
    return result
  } catch (error) {
    await record(asHoldfastError(error, action).code)
    throw error
  }
}
