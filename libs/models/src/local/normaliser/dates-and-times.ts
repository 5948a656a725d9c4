import { months } from './abbreviations.js'
import { cardinal, ordinal, year } from './number-words.js'

const names = Object.keys(months)
  .toSorted((a, b) => b.length - a.length)
  .join('|')
const monthNames = [...new Set(Object.values(months))]

/** Dates as Americans write and say them, days first where a name says so, and times of the day. */
export function datesAndTimes(text: string): string {
  return dates(times(decades(text)))
}

function decades(text: string): string {
  return text
    .replaceAll(/\b(1[1-9]\d0|20\d0)s\b/g, (_, digits: string) => decade(year(digits)))
    .replaceAll(/\b(the|early|mid|late)([ -])'?([2-9]0)s\b/gi, (_, before: string, between: string, digits: string) => {
      return `${before}${between}${decade(cardinal(digits))}`
    })
}

function decade(words: string): string {
  return words.endsWith('y') ? `${words.slice(0, -1)}ies` : `${words}s`
}

function dates(text: string): string {
  return text
    .replaceAll(/\b(\d{4})-(\d{2})-(\d{2})\b/g, (all, y: string, m: string, d: string) => dateOf(m, d, y) ?? all)
    .replaceAll(
      /\b(\d{1,2})\/(\d{1,2})\/(\d{4}|\d{2})\b/g,
      (all, m: string, d: string, y: string) => dateOf(m, d, y) ?? all,
    )
    .replaceAll(
      new RegExp(`\\b(${names})\\.? (\\d{1,2})(?:st|nd|rd|th)?\\b(?:,? (\\d{4})\\b)?(?!:)`, 'gi'),
      (all, name: string, d: string, y: string | undefined) => {
        const month = months[name.toLowerCase()]
        return isDay(d) && !isVerb(name) ? `${month} ${ordinal(d)}${y === undefined ? '' : `, ${year(y)}`}` : all
      },
    )
    .replaceAll(
      new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${names})\\b\\.?(?:,? (\\d{4})\\b)?`, 'gi'),
      (all, d: string, name: string, y: string | undefined) => {
        const month = months[name.toLowerCase()]
        if (!isDay(d) || isVerb(name)) return all
        return `the ${ordinal(d)} of ${month}${y === undefined ? '' : `, ${year(y)}`}`
      },
    )
    .replaceAll(/\b[Tt]he the (?=\w+ of )/g, 'the ')
    .replaceAll(new RegExp(`\\b(${names})\\.?,? (\\d{4})\\b`, 'gi'), (all, name: string, y: string) =>
      isVerb(name) ? all : `${months[name.toLowerCase()]} ${year(y)}`,
    )
    .replaceAll(new RegExp(`\\b(${names})\\. `, 'gi'), (all, name: string) =>
      name.length < 5 && !isVerb(name) && /^[A-Z]/.test(name) ? `${months[name.toLowerCase()]} ` : all,
    )
}

/** "may" and "march" in lower case. */
function isVerb(name: string): boolean {
  return name === 'may' || name === 'march' || name === 'mar'
}

function isDay(digits: string): boolean {
  return Number(digits) >= 1 && Number(digits) <= 31
}

function dateOf(month: string, day: string, y: string): string | undefined {
  const name = monthNames[Number(month) - 1]
  if (name === undefined || !isDay(day)) return undefined
  return `${name} ${ordinal(day)}, ${year(y.length === 2 ? `20${y}` : y)}`
}

function times(text: string): string {
  const half = String.raw`\s?([AaPp])\.?\s?[Mm]\b\.?`
  return text
    .replaceAll(/\b(\d{1,2}):(\d{2}):(\d{2})\b/g, (_, h: string, m: string, s: string) => {
      const parts = [counted(h, 'hour'), counted(m, 'minute'), counted(s, 'second')]
      return parts.filter((part) => !part.startsWith('zero')).join(' ')
    })
    .replaceAll(new RegExp(`\\b(\\d{1,2})(?::(\\d{2}))?${half}(\\s+[A-Z]|\\s*$)?`, 'g'), (all, h, m, letter, next) => {
      if (Number(h) > 23 || Number(m ?? 0) > 59) return all
      const clock = m === undefined || m === '00' ? cardinal(h) : `${cardinal(h)} ${minutes(m)}`
      // The full stop of "p.m." may have been that of the sentence.
      return `${clock} ${String(letter).toUpperCase()} M${next === undefined || !all.trim().includes('.') ? '' : '.'}${next ?? ''}`
    })
    .replaceAll(/\b([01]?\d|2[0-3]):([0-5]\d)\b/g, (_, h: string, m: string) => {
      if (m !== '00') return `${cardinal(h)} ${minutes(m)}`
      return Number(h) >= 1 && Number(h) <= 12 ? `${cardinal(h)} o'clock` : `${cardinal(h)} hundred`
    })
}

function minutes(digits: string): string {
  return digits.startsWith('0') ? `oh ${cardinal(digits)}` : cardinal(digits)
}

function counted(digits: string, what: string): string {
  return `${cardinal(digits)} ${what}${Number(digits) === 1 ? '' : 's'}`
}
