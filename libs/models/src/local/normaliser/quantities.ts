import { currencies, units } from './abbreviations.js'
import { cardinal, number } from './number-words.js'

const amount = String.raw`(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?`
const scale = String.raw`(?:\s?(thousand|million|billion|trillion|[kKMB]n?)\b)?`
const scales: Readonly<Record<string, string>> = {
  k: 'thousand',
  K: 'thousand',
  M: 'million',
  B: 'billion',
  Bn: 'billion',
}

/** Sums of money, percentages and measures. */
export function moneyAndUnits(text: string): string {
  const signs = ['US\\$', '\\$', '€', '£', '¥'].join('|')
  return text
    .replaceAll(new RegExp(`(${signs})\\s?${amount}${scale}`, 'g'), (_, sign, whole, part, many) =>
      money(sign, whole, part, many),
    )
    .replaceAll(
      new RegExp(`\\b${amount}${scale}\\s?(€|£|¥|USD\\b|EUR\\b|GBP\\b|JPY\\b)`, 'g'),
      (_, whole, part, many, sign) => money(sign, whole, part, many),
    )
    .replaceAll(/([-−]?\d[\d,]*(?:\.\d+)?)\s?%/g, (_, digits: string) => `${number(digits)} percent`)
    .replaceAll(unitPattern, (all, digits: string, unit: string) => {
      const [one, many] = units[unit] ?? []
      if (one === undefined) return all
      return `${number(digits)} ${digits === '1' ? one : many}`
    })
}

const unitPattern = new RegExp(
  `(?<![\\w.])([-−]?\\d{1,3}(?:,\\d{3})+(?:\\.\\d+)?|[-−]?\\d+(?:\\.\\d+)?)\\s?(${Object.keys(units)
    .toSorted((a, b) => b.length - a.length)
    // "5 in" is a place more often than a length.
    .filter((unit) => unit !== 'in')
    .join('|')})(?![\\w/])`,
  'g',
)

function money(sign: string, whole: string, part: string | undefined, many: string | undefined): string {
  const [one, several, hundredth, hundredths] = currencies[sign] ?? ['', '', '', '']
  const digits = whole.replaceAll(',', '')
  if (many !== undefined) {
    return `${number(part === undefined ? digits : `${digits}.${part}`)} ${scales[many] ?? many} ${several}`
  }
  if (part !== undefined && part.length !== 2) return `${number(`${digits}.${part}`)} ${several}`
  const cents = Number(part ?? 0)
  const rest = `${cardinal(String(cents))} ${cents === 1 ? hundredth : hundredths}`
  if (cents > 0 && Number(digits) === 0) return rest
  const sum = `${cardinal(digits)} ${Number(digits) === 1 ? one : several}`
  return cents === 0 ? sum : `${sum} and ${rest}`
}
