import { invalidField } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'

export async function control(
  what: 'cancel' | 'pause' | 'resume',
  run: string,
  flags: ServiceFlags,
  context: CommandContext,
): Promise<void> {
  await withServices(flags, context, async ({ dag }) => {
    const request = { executionId: run }
    if (what === 'cancel') await dag.cancelExecution(request)
    else if (what === 'pause') await dag.pauseExecution(request)
    else await dag.resumeExecution(request)
  })
}

export async function signal(
  run: string,
  { name, payload }: { readonly name: string; readonly payload: string },
  flags: ServiceFlags & { readonly key?: string },
  context: CommandContext,
): Promise<void> {
  try {
    JSON.parse(payload)
  } catch (cause) {
    throw invalidField('payload', `must be JSON: ${(cause as Error).message}`, { cause })
  }
  await withServices(flags, context, async ({ dag }) => {
    await dag.signalExecution({
      executionId: run,
      name,
      payloadJson: payload,
      ...(flags.key === undefined ? {} : { key: flags.key }),
    })
  })
}
