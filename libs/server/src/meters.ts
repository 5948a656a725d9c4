import type {
  Attributes,
  BatchObservableCallback,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MeterProvider,
  MetricOptions,
  Observable,
  ObservableCallback,
  UpDownCounter,
} from '@opentelemetry/api'
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client'

// The libraries speak OpenTelemetry's API of metrics; here it writes into the registry that Prometheus reads. OpenTelemetry's own SDK and
// exporter would be a second registry beside it, and an aggregation that costs more than the calls that are counted here: an attribute object that
// is given again and again is looked up by its identity, 0.1 µs a record.

/** Of one instrument. What would come after them is counted together, under the label of OpenTelemetry's own overflow. */
const maxSeries = 2_000
const overflow: Attributes = { 'otel.metric.overflow': true }
// OpenTelemetry's default, for what is measured in seconds.
const defaultBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

type Kind = 'counter' | 'gauge' | 'histogram'
type Labels = Record<string, string>

interface Series {
  readonly labels: Labels
  value: number
  count: number
  /** Of a histogram: how many fell between two boundaries, above the last one at the end. */
  readonly buckets: number[]
}

/** Meters whose instruments are metrics of the registry, under their names in Prometheus's spelling.
 *  Source: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ */
export function prometheusMeters(registry: Registry): MeterProvider {
  const meter = new PrometheusMeter(registry)
  return { getMeter: () => meter }
}

class PrometheusMeter implements Meter {
  readonly #registry: Registry
  /** Libraries may share one: the database and the cache are both databases. */
  readonly #instruments = new Map<string, Instrument>()
  readonly #callbacks = new Map<unknown, () => void | Promise<void>>()
  #collecting: Promise<void> | undefined

  constructor(registry: Registry) {
    this.#registry = registry
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const found = this.#instrument('histogram', name, options)
    return { record: (value, attributes) => found.record(value, attributes) }
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    const found = this.#instrument('counter', name, options)
    return { add: (value, attributes) => found.add(value, attributes) }
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    const found = this.#instrument('gauge', name, options)
    return { add: (value, attributes) => found.add(value, attributes) }
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    const found = this.#instrument('gauge', name, options)
    return { record: (value, attributes) => found.set(value, attributes) }
  }

  createObservableGauge(name: string, options?: MetricOptions): Observable {
    return this.#observable('gauge', name, options)
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable('gauge', name, options)
  }

  createObservableCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable('counter', name, options)
  }

  addBatchObservableCallback(callback: BatchObservableCallback): void {
    this.#callbacks.set(callback, () =>
      callback({ observe: (metric, value, attributes) => (metric as Instrument).observe(value, attributes) }),
    )
  }

  removeBatchObservableCallback(callback: BatchObservableCallback): void {
    this.#callbacks.delete(callback)
  }

  /** Asks all that is observed, once for all metrics of a scrape. What cannot be asked now is absent, as what nobody observes any more. */
  #collect(): Promise<void> {
    this.#collecting ??= (async () => {
      const observed = [...this.#instruments.values()].filter(({ isObserved }) => isObserved)
      const callbacks = [...this.#callbacks.values(), ...observed.flatMap((one) => [...one.callbacks.values()])]
      for (const one of observed) one.begin()
      await Promise.allSettled(callbacks.map(async (call) => call()))
      for (const one of observed) one.end()
      this.#collecting = undefined
    })()
    return this.#collecting
  }

  #observable(kind: Kind, name: string, options?: MetricOptions): Observable {
    const instrument = this.#instrument(kind, name, options)
    instrument.isObserved = true
    return instrument
  }

  #instrument(kind: Kind, name: string, options: MetricOptions = {}): Instrument {
    const known = this.#instruments.get(name)
    if (known !== undefined) return known
    const instrument = new Instrument(kind, name, options, () => this.#collect())
    this.#instruments.set(name, instrument)
    // All that the registry asks of a metric.
    this.#registry.registerMetric(instrument as unknown as Parameters<Registry['registerMetric']>[0])
    return instrument
  }
}

class Instrument implements Observable {
  readonly name: string
  readonly help: string
  readonly type: Kind
  /** What is asked for its values, by the callbacks that were given. */
  readonly callbacks = new Map<unknown, () => void | Promise<void>>()
  isObserved = false
  readonly #collect: () => Promise<void>
  readonly #boundaries: readonly number[]
  readonly #series = new Map<string, Series>()
  readonly #known = new WeakMap<Attributes, Series>()
  readonly #unlabelled: Attributes = {}
  /** Of an observable: values of the last time that it was asked, and of the time that is under way. */
  #observed = new Map<Series, number>()
  #observing = new Map<Series, number>()

  constructor(
    type: Kind,
    name: string,
    { description = '', unit = '', advice }: MetricOptions,
    collect: () => Promise<void>,
  ) {
    this.#collect = collect
    this.type = type
    this.name = prometheusName(name, unit, type)
    this.help = description
    this.#boundaries = advice?.explicitBucketBoundaries ?? defaultBoundaries
  }

  add(value: number, attributes?: Attributes): void {
    this.#of(attributes).value += value
  }

  set(value: number, attributes?: Attributes): void {
    this.#of(attributes).value = value
  }

  /** What several observe of the same at one time (the services of several tenants) is added up. */
  observe(value: number, attributes?: Attributes): void {
    const series = this.#of(attributes)
    this.#observing.set(series, (this.#observing.get(series) ?? 0) + value)
  }

  begin(): void {
    this.#observing = new Map()
  }

  end(): void {
    this.#observed = this.#observing
  }

  record(value: number, attributes?: Attributes): void {
    const series = this.#of(attributes)
    series.value += value
    series.count += 1
    let bucket = 0
    while (bucket < this.#boundaries.length && value > (this.#boundaries[bucket] ?? 0)) bucket += 1
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
  }

  addCallback(callback: ObservableCallback): void {
    this.callbacks.set(callback, () => callback({ observe: (value, attributes) => this.observe(value, attributes) }))
  }

  removeCallback(callback: ObservableCallback): void {
    this.callbacks.delete(callback)
  }

  /** For the registry. */
  async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    if (this.isObserved) await this.#collect()
    const values = this.isObserved
      ? [...this.#observed].map(([{ labels }, value]) => ({ labels, value }))
      : [...this.#series.values()].flatMap((series) => this.#valuesOf(series))
    const { name, help, type } = this
    return { name, help, type, values, aggregator: 'sum' } as unknown as MetricObjectWithValues<
      MetricValueWithName<string>
    >
  }

  /** For the registry. */
  reset(): void {
    this.#series.clear()
  }

  #valuesOf({ labels, value, count, buckets }: Series): MetricValueWithName<string>[] {
    if (this.type !== 'histogram') return [{ labels, value }]
    let below = 0
    const cumulated = [...this.#boundaries.map(String), '+Inf'].map((le, bucket) => {
      below += buckets[bucket] ?? 0
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: below }
    })
    return [
      ...cumulated,
      { metricName: `${this.name}_sum`, labels, value },
      { metricName: `${this.name}_count`, labels, value: count },
    ]
  }

  #of(attributes: Attributes = this.#unlabelled): Series {
    const known = this.#known.get(attributes)
    if (known !== undefined) return known
    const labels = labelsOf(attributes)
    const key = JSON.stringify(labels)
    let series = this.#series.get(key)
    if (series === undefined) {
      if (this.#series.size >= maxSeries && attributes !== overflow) return this.#of(overflow)
      series = { labels, value: 0, count: 0, buckets: [] }
      this.#series.set(key, series)
    }
    this.#known.set(attributes, series)
    return series
  }
}

const suffixes: Readonly<Record<string, string>> = { s: '_seconds', ms: '_milliseconds', By: '_bytes', '1': '_ratio' }

function prometheusName(name: string, unit: string, type: Kind): string {
  return `${underscored(name)}${suffixes[unit] ?? ''}${type === 'counter' ? '_total' : ''}`
}

/** Sorted, so that the same attributes in another order are the same series. */
function labelsOf(attributes: Attributes): Labels {
  const names = Object.keys(attributes).toSorted()
  return Object.fromEntries(names.map((name) => [underscored(name), String(attributes[name])]))
}

function underscored(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_')
}
