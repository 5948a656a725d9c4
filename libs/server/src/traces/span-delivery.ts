import { type Attributes, diag } from '@opentelemetry/api'
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base'
import { OtlpBuffer } from './otlp-buffer.js'
import { writeAttributes, writeSpan } from './otlp-spans.js'
import type { EndedSpan } from './recorded-span.js'

/** What an unreachable receiver costs at most. */
const mostGatheredBytes = 8 * 1024 ** 2
/** From here on what is gathered is sent, whenever it was sent before. */
const enoughBytes = 512 * 1024

/** An `ExportTraceServiceRequest`. */
export interface SpanRequest {
  readonly body: Uint8Array
  readonly spans: number
}

export type SpanSender = Pick<IOtlpExportDelegate<SpanRequest>, 'export' | 'shutdown'>

/** Gathers spans as the bytes in which they will be sent, and sends them, one request after the other. */
export class SpanDelivery {
  readonly #sender: SpanSender
  readonly #delayMs: number
  readonly #resource: Buffer
  readonly #scopes = new Map<string, Scope>()
  #gatheredBytes = 0
  #spans = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #isStopped = false

  constructor(sender: SpanSender, resource: Attributes, delayMs: number) {
    this.#sender = sender
    this.#delayMs = delayMs
    const attributes = new OtlpBuffer(1_024)
    const begun = attributes.begin(1)
    writeAttributes(attributes, 1, resource)
    attributes.end(begun)
    this.#resource = Buffer.from(attributes.written)
  }

  /** Where the spans of one instrumentation scope go when they end. */
  ofScope(name: string, version: string | undefined): (span: EndedSpan) => void {
    const key = `${name}@${version ?? ''}`
    let scope = this.#scopes.get(key)
    if (scope === undefined) {
      scope = { header: headerOf(name, version), spans: new OtlpBuffer() }
      this.#scopes.set(key, scope)
    }
    const { spans } = scope
    return (span) => this.#gather(spans, span)
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Sends what is gathered, and takes nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#sending
    await this.#send()
    await this.#sender.shutdown()
  }

  #gather(to: OtlpBuffer, span: EndedSpan): void {
    if (this.#isStopped) return
    if (this.#gatheredBytes > mostGatheredBytes) {
      this.#dropped += 1
      return
    }
    const before = to.length
    writeSpan(to, span)
    this.#gatheredBytes += to.length - before
    this.#spans += 1
    if (this.#sending !== undefined) return
    if (this.#gatheredBytes >= enoughBytes) this.#sendNow()
    else this.#timer ??= setTimeout(() => this.#sendNow(), this.#delayMs).unref()
  }

  #sendNow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined
      if (this.#spans > 0 && !this.#isStopped) this.#timer ??= setTimeout(() => this.#sendNow(), this.#delayMs).unref()
    })
  }

  #send(): Promise<void> {
    if (this.#dropped > 0) diag.warn(`${this.#dropped} spans were dropped, because too many wait for the receiver`)
    this.#dropped = 0
    if (this.#spans === 0) return Promise.resolve()
    const request = { body: this.#take(), spans: this.#spans }
    this.#spans = 0
    this.#gatheredBytes = 0
    return new Promise((resolve) => {
      this.#sender.export(request, ({ error }) => {
        if (error !== undefined) diag.error(error.message)
        resolve()
      })
    })
  }

  #take(): Uint8Array {
    const request = new OtlpBuffer(this.#gatheredBytes + 4_096)
    const resourceBegun = request.begin(1)
    request.bytes(this.#resource)
    for (const { header, spans } of this.#scopes.values()) {
      if (spans.length === 0) continue
      const begun = request.begin(2)
      request.bytes(header)
      request.bytes(spans.written)
      request.end(begun)
      spans.clear()
    }
    request.end(resourceBegun)
    return request.written
  }
}

interface Scope {
  /** As it begins its `ScopeSpans`. */
  readonly header: Buffer
  readonly spans: OtlpBuffer
}

function headerOf(name: string, version: string | undefined): Buffer {
  const to = new OtlpBuffer(256)
  const begun = to.begin(1)
  to.string(1, name)
  if (version !== undefined) to.string(2, version)
  to.end(begun)
  return Buffer.from(to.written)
}
