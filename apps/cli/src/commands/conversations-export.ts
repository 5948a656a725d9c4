import { invalidField } from '@holdfast/errors'
import { type AccessFlags, openAccess } from '../access/open-access.js'
import type { CommandContext } from '../command-context.js'
import { exportConversations } from '../exchange/export.js'
import { startProgress } from '../progress.js'
import { replacement } from '../replacement.js'

interface ExportFlags extends AccessFlags {
  readonly user?: string
  readonly output?: string
  readonly json?: true
}

export async function runExport(ids: readonly string[], flags: ExportFlags, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  if (flags.json === true && flags.output === undefined) throw invalidField('--json', 'needs --output FILE')
  await using opened = await openAccess(flags, context, { mayCreate: false })
  const target = flags.output === undefined ? undefined : await replacement(flags.output)
  // Not between the lines of an export to the screen.
  const progress = startProgress(err, 'exporting', target === undefined && out.isTerminal)
  try {
    const report = await exportConversations(opened.conversations, target?.write ?? ((text) => out.write(text)), {
      signal,
      ...(ids.length === 0 ? {} : { ids }),
      ...(flags.user === undefined ? {} : { userId: flags.user }),
      onProgress: (done, total) => progress.update(done, total),
    })
    await target?.keep()
    progress.stop()
    if (flags.json === true) await out.json(report)
    else await err.line(`holdfast: exported ${report.conversations} conversations with ${report.messages} messages`)
    if (report.blobs > 0) {
      await err.line(
        `holdfast: warning: ${report.blobs} parts refer to images, audio or files, whose bytes are not in the export`,
      )
    }
  } finally {
    progress.stop()
    await target?.drop()
  }
}
