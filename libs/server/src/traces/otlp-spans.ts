import type { Attributes, AttributeValue, SpanContext } from '@opentelemetry/api'
import { OtlpBuffer } from './otlp-buffer.js'
import type { EndedSpan, SpanEvent } from './recorded-span.js'

/** Attributes as they stand in a span, by the frozen object that they came in. */
const written = new WeakMap<Attributes, Buffer>()

/** Writes a span as one of `ScopeSpans.spans`. The numbers are those of its fields.
 *  Source: https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto */
export function writeSpan(to: OtlpBuffer, span: EndedSpan): void {
  const { own, parent, given, attributes, links, events, status, dropped } = span
  const begun = to.begin(2)
  to.hex(1, own.traceId)
  to.hex(2, own.spanId)
  if (own.traceState !== undefined) to.string(3, own.traceState.serialize())
  if (parent !== undefined) to.hex(4, parent.spanId)
  to.string(5, span.name)
  // There the kinds begin with one that says nothing.
  to.number(6, span.kind + 1)
  to.time(7, span.startMs)
  to.time(8, span.endMs)
  if (given !== undefined) writeGiven(to, given)
  for (let index = 0; index < attributes.length; index += 2) {
    writeAttribute(to, 9, attributes[index] as string, attributes[index + 1] as AttributeValue)
  }
  if (dropped.attributes > 0) to.number(10, dropped.attributes)
  for (const event of events ?? []) writeEvent(to, event)
  if (dropped.events > 0) to.number(12, dropped.events)
  if (links !== undefined) {
    for (const link of links) {
      const linkBegun = to.begin(13)
      to.hex(1, link.context.traceId)
      to.hex(2, link.context.spanId)
      if (link.context.traceState !== undefined) to.string(3, link.context.traceState.serialize())
      if (link.attributes !== undefined) writeAttributes(to, 4, link.attributes)
      to.fixed32(6, flagsOf(link.context, link.context))
      to.end(linkBegun)
    }
  }
  if (dropped.links > 0) to.number(14, dropped.links)
  if (status !== undefined) {
    const statusBegun = to.begin(15)
    if (status.message !== undefined) to.string(2, status.message)
    to.number(3, status.code)
    to.end(statusBegun)
  }
  to.fixed32(16, flagsOf(own, parent))
  to.end(begun)
}

/** W3C's flags, that it is known whether `other` is of another process, and whether it is. */
function flagsOf({ traceFlags }: SpanContext, other: SpanContext | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (other?.isRemote === true ? 0x200 : 0)
}

function writeGiven(to: OtlpBuffer, given: Attributes): void {
  let bytes = written.get(given)
  if (bytes === undefined) {
    const once = new OtlpBuffer(1_024)
    writeAttributes(once, 9, given)
    bytes = Buffer.from(once.written)
    written.set(given, bytes)
  }
  to.bytes(bytes)
}

function writeEvent(to: OtlpBuffer, { name, attributes, epochMs }: SpanEvent): void {
  const begun = to.begin(11)
  to.time(1, epochMs)
  to.string(2, name)
  if (attributes !== undefined) writeAttributes(to, 3, attributes)
  to.end(begun)
}

/** As repeated `KeyValue`, of a span or a resource. */
export function writeAttributes(to: OtlpBuffer, field: number, attributes: Attributes): void {
  for (const key of Object.keys(attributes)) {
    const value = attributes[key]
    if (value !== undefined && value !== null) writeAttribute(to, field, key, value)
  }
}

function writeAttribute(to: OtlpBuffer, field: number, key: string, value: AttributeValue): void {
  const begun = to.begin(field)
  to.string(1, key)
  const valueBegun = to.begin(2)
  writeValue(to, value)
  to.end(valueBegun)
  to.end(begun)
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/common/v1/common.proto */
function writeValue(to: OtlpBuffer, value: AttributeValue | null | undefined): void {
  if (typeof value === 'string') to.string(1, value)
  else if (typeof value === 'boolean') to.number(2, value ? 1 : 0)
  else if (typeof value === 'number' && Number.isSafeInteger(value)) to.number(3, value)
  else if (typeof value === 'number') to.double(4, value)
  else if (Array.isArray(value)) {
    const begun = to.begin(5)
    for (const one of value) {
      const oneBegun = to.begin(1)
      writeValue(to, one)
      to.end(oneBegun)
    }
    to.end(begun)
  }
}
