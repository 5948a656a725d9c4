import { createLogger, maskUrl } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { ListenFlags, StoreFlags } from '../commands/store-options.js'
import { OutputClosed } from '../output.js'
import { settingsOf } from '../settings.js'
import { type RunningServer, serve } from './serve.js'

export type UpFlags = StoreFlags & ListenFlags & { readonly json?: true }

/** Runs until a signal comes, then drains, flushes and closes. */
export async function runUp(flags: UpFlags, context: CommandContext): Promise<void> {
  const settings = settingsOf(flags, context.environment)
  const { config, secrets, warnings } = settings.loaded
  const logger = createLogger({ ...config.log, secrets })
  for (const warning of warnings) logger.warn(warning)
  const data = settings.folder ?? maskUrl(settings.storeUrl)
  if (config.auth.accept.includes('none')) {
    logger.info(
      'Development: everybody on this machine may call, as HOLDFAST_AUTH=none has it; set keys or jwt for others',
    )
  }
  await serve(settings, logger, async (server) => {
    await sayReady(server, data, flags.json === true, context)
    const why = await aborted(AbortSignal.any([context.signal, server.failed]))
    server.failed.throwIfAborted()
    logger.info({ signal: why }, 'Stopping')
  })
}

async function sayReady(server: RunningServer, data: string, json: boolean, { out }: CommandContext): Promise<void> {
  const { grpc, metrics, model } = server
  const seconds = process.uptime().toFixed(1)
  const text = [
    `Holdfast is ready after ${seconds} s.`,
    `  gRPC     ${grpc}`,
    `  metrics  ${metrics === undefined ? 'off' : `http://${metrics}/metrics`}`,
    `  data     ${data}`,
    `  model    ${model.kind === 'recall' ? 'recall (no language model; `holdfast doctor` says how to get one)' : model.name}`,
    `Talk to it: npx holdfast chat --server ${grpc}`,
  ]
  try {
    if (json) await out.json({ ready: true, grpc, metrics: metrics ?? null, data })
    else await out.line(text.join('\n'))
  } catch (error) {
    // A server serves on, whether or not somebody reads where it listens.
    if (!(error instanceof OutputClosed)) throw error
  }
}

function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason)
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })
}
