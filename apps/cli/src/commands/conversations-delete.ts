import { createInterface } from 'node:readline/promises'
import { type AccessFlags, openAccess } from '../access/open-access.js'
import { audited } from '../audit/audited.js'
import type { CommandContext } from '../command-context.js'

interface DeleteFlags extends AccessFlags {
  readonly yes?: true
  readonly json?: true
}

export async function deleteConversations(
  ids: readonly string[],
  flags: DeleteFlags,
  context: CommandContext,
): Promise<void> {
  await using opened = await openAccess(flags, context, { mayCreate: false })
  const access = opened.conversations
  // All are looked up first, so that a mistyped id deletes nothing.
  for (const id of ids) await access.get(id)
  if (flags.yes !== true && !(await confirmed(`Delete ${ids.join(', ')} for good?`, context))) {
    await context.err.line('holdfast: nothing was deleted')
    return
  }
  const remove = async (): Promise<void> => {
    for (const id of ids) await access.delete(id)
  }
  // A server audits the call.
  const event = { action: 'conversations delete', facts: () => ({ conversations: String(ids.length) }) }
  await (opened.store === undefined ? remove() : audited(opened.store, flags, context, event, remove))
  if (flags.json === true) await context.out.json({ deleted: ids })
  else await context.out.line(`deleted ${ids.join(', ')}`)
}

/** Only people are asked. */
async function confirmed(question: string, { input, err, signal }: CommandContext): Promise<boolean> {
  if (!input.isTTY) return true
  const terminal = createInterface({ input, output: err.stream })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    terminal.close()
  }
}
