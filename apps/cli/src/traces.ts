import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Config, Logger, Traces } from '@holdfast/server'

type Environment = Readonly<NodeJS.ProcessEnv>

/** Where spans go, path and all; `undefined`: nowhere. OpenTelemetry's own variables count where nothing of Holdfast's says otherwise.
 *  Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
export function tracesUrl(endpoint: string | undefined, environment: Environment): string | undefined {
  if (environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined
  const whole = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  if (endpoint === undefined && whole !== undefined && whole !== '') return whole
  const base = endpoint ?? environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  return base === undefined || base === '' ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`
}

let started: Traces | undefined

/** Starts traces as the configuration says, once in a process. Nothing is loaded without a receiver. */
export async function openTraces(
  { traces: { endpoint, ratio } }: Pick<Config, 'traces'>,
  environment: Environment,
  logger?: Logger,
): Promise<AsyncDisposable> {
  const url = started === undefined ? tracesUrl(endpoint, environment) : undefined
  if (url === undefined) return { [Symbol.asyncDispose]: async () => {} }
  const { startTraces } = await import('@holdfast/server')
  const traces = await startTraces({ url, ratio, ...(logger === undefined ? {} : { logger }) })
  started = traces
  return {
    async [Symbol.asyncDispose]() {
      await traces.stop()
      started = undefined
    },
  }
}

/** Runs a command as the beginning of a trace, if the environment names a receiver. What a server does is no one trace: it begins its own. */
export async function tracedCommand(name: string, environment: Environment, run: () => Promise<void>): Promise<void> {
  const endpoint = environment['HOLDFAST_TRACES']
  if (name === 'up' || tracesUrl(endpoint, environment) === undefined) return run()
  await using _ = await openTraces({ traces: { endpoint, ratio: 1 } }, environment)
  const span = trace.getTracer('holdfast').startSpan(`holdfast ${name}`, { kind: SpanKind.INTERNAL })
  try {
    await context.with(trace.setSpan(context.active(), span), run)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}
