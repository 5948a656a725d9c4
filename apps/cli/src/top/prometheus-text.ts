import { HoldfastError } from '@holdfast/errors'

export type Labels = Readonly<Record<string, string>>

export interface Series {
  readonly labels: Labels
  readonly value: number
}

/** All series of a scrape by the names of their metrics. */
export type Scraped = ReadonlyMap<string, readonly Series[]>

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g

/** Reads what a process tells Prometheus.
 *  Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *  @throws INVALID_ARGUMENT for anything else */
export function parsePrometheusText(text: string): Scraped {
  const found = new Map<string, Series[]>()
  for (const one of text.split('\n')) {
    if (one === '' || one.startsWith('#')) continue
    const [, name, labels = '', value = ''] = line.exec(one) ?? []
    if (name === undefined) {
      throw new HoldfastError('INVALID_ARGUMENT', 'What was read are no metrics of Prometheus: name a metrics address')
    }
    const series = { labels: labelsOf(labels), value: numberOf(value) }
    const others = found.get(name)
    if (others === undefined) found.set(name, [series])
    else others.push(series)
  }
  return found
}

function labelsOf(text: string): Labels {
  const pairs = [...text.matchAll(label)].map(([, name = '', value = '']) => [name, unescaped(value)] as const)
  return Object.fromEntries(pairs)
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}

function numberOf(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  // prom-client writes Nan.
  return Number(text)
}
