import { randomFillSync } from 'node:crypto'
import {
  type Context,
  context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  trace,
  TraceFlags,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'
import { type EndedSpan, RecordedSpan } from './recorded-span.js'
import type { SpanDelivery } from './span-delivery.js'

/** Tracers behind OpenTelemetry's API whose spans cost less than those of its SDK: they are written as they are sent when they end, and kept as
 *  nothing else (decision 0085).
 *  @param ratio of the traces that begin here, from 0 to 1 */
export function recordingTracers(delivery: SpanDelivery, ratio: number): TracerProvider {
  const tracers = new Map<string, RecordingTracer>()
  return {
    getTracer(name, version) {
      const key = `${name}@${version ?? ''}`
      let tracer = tracers.get(key)
      if (tracer === undefined) {
        tracer = new RecordingTracer(delivery, ratio, delivery.ofScope(name, version))
        tracers.set(key, tracer)
      }
      return tracer
    },
  }
}

class RecordingTracer implements Tracer {
  readonly #delivery: SpanDelivery
  readonly #ratio: number
  readonly #ended: (span: EndedSpan) => void

  constructor(delivery: SpanDelivery, ratio: number, ended: (span: EndedSpan) => void) {
    this.#delivery = delivery
    this.#ratio = ratio
    this.#ended = ended
  }

  startSpan(name: string, options: SpanOptions = {}, within: Context = context.active()): Span {
    const { kind = SpanKind.INTERNAL, startTime, attributes, links } = options
    const found = options.root === true ? undefined : trace.getSpanContext(within)
    const parent = found !== undefined && isSpanContextValid(found) ? found : undefined
    const traceId = parent?.traceId ?? ids.take(16)
    const isRecorded =
      !this.#delivery.isStopped &&
      (parent === undefined ? this.#begins(name, kind, traceId) : (parent.traceFlags & TraceFlags.SAMPLED) !== 0)
    const own: SpanContext = {
      traceId,
      spanId: ids.take(8),
      traceFlags: isRecorded ? TraceFlags.SAMPLED : TraceFlags.NONE,
      ...(parent?.traceState === undefined ? {} : { traceState: parent.traceState }),
    }
    if (!isRecorded) return trace.wrapSpanContext(own)
    const clock = { sinceEpochMs: timeOfDay.sinceEpochMs(), startTime }
    const span = new RecordedSpan({ own, parent }, name, kind, clock, this.#ended)
    if (attributes !== undefined) span.setAttributes(attributes)
    if (links !== undefined) span.addLinks(links)
    return span
  }

  readonly startActiveSpan: Tracer['startActiveSpan'] = <Run extends (span: Span) => unknown>(
    name: string,
    ...rest: readonly [Run] | readonly [SpanOptions, Run] | readonly [SpanOptions, Context, Run]
  ): ReturnType<Run> => {
    const run = rest.at(-1) as (span: Span) => ReturnType<Run>
    const options = rest.length > 1 ? (rest[0] as SpanOptions) : undefined
    const within = rest.length > 2 ? (rest[1] as Context) : context.active()
    const span = this.startSpan(name, options, within)
    return context.with(trace.setSpan(within, span), () => run(span))
  }

  /** Calls, jobs and commands begin traces. What a process does by itself, such as looking for jobs twice a second, would only bury them. */
  #begins(name: string, kind: SpanKind, traceId: string): boolean {
    if (kind !== SpanKind.SERVER && kind !== SpanKind.CONSUMER && !name.startsWith('holdfast ')) return false
    // The end of an id is random, whoever made it: https://www.w3.org/TR/trace-context-2/#randomness-of-trace-id
    return Number.parseInt(traceId.slice(-12), 16) < this.#ratio * 2 ** 48
  }
}

/** Random ids as hexadecimal digits. */
class Ids {
  readonly #random = Buffer.alloc(8_192)
  #used = this.#random.length

  take(sizeBytes: 8 | 16): string {
    if (this.#used + sizeBytes > this.#random.length) {
      randomFillSync(this.#random)
      this.#used = 0
    }
    const id = this.#random.toString('hex', this.#used, this.#used + sizeBytes)
    this.#used += sizeBytes
    // All zeros is no id: https://www.w3.org/TR/trace-context/#trace-id
    return /[^0]/.test(id) ? id : this.take(sizeBytes)
  }
}

const ids = new Ids()

/** How far the clock of the day is from the one that never jumps, looked at once a second. */
class TimeOfDay {
  #sinceEpochMs = 0
  #lookAt = 0

  sinceEpochMs(): number {
    const now = performance.now()
    if (now >= this.#lookAt) {
      this.#sinceEpochMs = Date.now() - now
      this.#lookAt = now + 1_000
    }
    return this.#sinceEpochMs
  }
}

const timeOfDay = new TimeOfDay()
