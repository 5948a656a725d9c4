import {
  type Attributes,
  type AttributeValue,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
} from '@opentelemetry/api'

/** Bounds of OpenTelemetry's specification; the oldest links and events make room, as in its SDK: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits */
const most = 128

export interface SpanEvent {
  readonly name: string
  readonly attributes: Attributes | undefined
  readonly epochMs: number
}

/** What is told of a span that ended. */
export interface EndedSpan {
  readonly own: SpanContext
  readonly parent: SpanContext | undefined
  readonly name: string
  readonly kind: SpanKind
  readonly startMs: number
  readonly endMs: number
  /** What it began with, and frozen: the same object for all spans of a kind. */
  readonly given: Attributes | undefined
  /** Keys and values in turns. */
  readonly attributes: readonly (string | AttributeValue)[]
  readonly links: readonly Link[] | undefined
  readonly events: readonly SpanEvent[] | undefined
  readonly status: SpanStatus | undefined
  readonly dropped: { readonly attributes: number; readonly links: number; readonly events: number }
}

const nothingDropped = { attributes: 0, links: 0, events: 0 }

/** A span of a trace that is recorded: it holds what it is told, and tells it when it ends. */
export class RecordedSpan implements Span, EndedSpan {
  readonly own: SpanContext
  readonly parent: SpanContext | undefined
  name: string
  readonly kind: SpanKind
  readonly startMs: number
  endMs = 0
  given: Attributes | undefined
  readonly attributes: (string | AttributeValue)[] = []
  links: Link[] | undefined
  events: SpanEvent[] | undefined
  status: SpanStatus | undefined
  dropped: { attributes: number; links: number; events: number } = nothingDropped
  readonly #ended: (span: EndedSpan) => void
  /** Between this process's clock that never jumps and the time of day, when the span began: its length has no jump in it. */
  readonly #sinceEpochMs: number

  constructor(
    identity: { readonly own: SpanContext; readonly parent: SpanContext | undefined },
    name: string,
    kind: SpanKind,
    clock: { readonly sinceEpochMs: number; readonly startTime: TimeInput | undefined },
    ended: (span: EndedSpan) => void,
  ) {
    this.own = identity.own
    this.parent = identity.parent
    this.name = name
    this.kind = kind
    this.#sinceEpochMs = clock.sinceEpochMs
    this.startMs = this.#time(clock.startTime)
    this.#ended = ended
  }

  spanContext(): SpanContext {
    return this.own
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.endMs !== 0 || value === undefined || value === null) return this
    const { given, attributes } = this
    if (given !== undefined && Object.hasOwn(given, key)) {
      this.given = undefined
      for (const [known, of] of Object.entries(given)) this.#set(known, of as AttributeValue)
    }
    for (let index = 0; index < attributes.length; index += 2) {
      if (attributes[index] !== key) continue
      attributes[index + 1] = value
      return this
    }
    this.#set(key, value)
    return this
  }

  /** Frozen ones that are the first are not copied, and written once for all spans that have them. */
  setAttributes(attributes: Attributes): this {
    if (this.endMs === 0 && this.given === undefined && this.attributes.length === 0 && Object.isFrozen(attributes)) {
      this.given = attributes
      return this
    }
    for (const key of Object.keys(attributes)) this.setAttribute(key, attributes[key] as AttributeValue)
    return this
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.endMs !== 0) return this
    this.events ??= []
    if (this.events.length >= most) {
      this.events.shift()
      this.#drop('events')
    }
    const isTime = isTimeInput(attributesOrTime)
    const attributes = isTime || attributesOrTime === undefined ? undefined : { ...attributesOrTime }
    this.events.push({ name, attributes, epochMs: this.#time(isTime ? attributesOrTime : time) })
    return this
  }

  addLink(link: Link): this {
    if (this.endMs !== 0) return this
    this.links ??= []
    if (this.links.length >= most) {
      this.links.shift()
      this.#drop('links')
    }
    this.links.push(link)
    return this
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  /** OK is final: https://opentelemetry.io/docs/specs/otel/trace/api/#set-status */
  setStatus(status: SpanStatus): this {
    if (this.endMs !== 0 || status.code === SpanStatusCode.UNSET) return this
    if (this.status?.code !== SpanStatusCode.OK) this.status = { ...status }
    return this
  }

  updateName(name: string): this {
    if (this.endMs === 0) this.name = name
    return this
  }

  end(time?: TimeInput): void {
    if (this.endMs !== 0) return
    this.endMs = Math.max(this.startMs, this.#time(time))
    this.#ended(this)
  }

  isRecording(): boolean {
    return this.endMs === 0
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const { code, name, message, stack } =
      typeof exception === 'string'
        ? { code: undefined, name: undefined, message: exception, stack: undefined }
        : exception
    const attributes: Attributes = {}
    const type = code === undefined ? name : String(code)
    if (type !== undefined) attributes['exception.type'] = type
    if (message !== undefined) attributes['exception.message'] = message
    if (stack !== undefined) attributes['exception.stacktrace'] = stack
    this.addEvent('exception', attributes, time)
  }

  #set(key: string, value: AttributeValue): void {
    if (this.attributes.length < most * 2) this.attributes.push(key, value)
    else this.#drop('attributes')
  }

  #drop(what: 'attributes' | 'links' | 'events'): void {
    this.dropped = { ...this.dropped, [what]: this.dropped[what] + 1 }
  }

  /** Numbers are of `performance.now()` if they can be, else milliseconds since 1970, as OpenTelemetry's SDK takes them. */
  #time(time: TimeInput | undefined): number {
    const now = performance.now()
    if (time === undefined) return this.#sinceEpochMs + now
    if (typeof time === 'number') return time <= now ? this.#sinceEpochMs + time : time
    return Array.isArray(time) ? time[0] * 1_000 + time[1] / 1e6 : time.getTime()
  }
}

function isTimeInput(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || Array.isArray(value)
}
