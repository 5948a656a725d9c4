import { abbreviations, latin, spokenAcronyms, titles, weekdays } from './abbreviations.js'
import { addresses } from './addresses.js'
import { datesAndTimes } from './dates-and-times.js'
import { fromRoman, cardinal, number, ordinal, spelledDigits, year } from './number-words.js'
import { moneyAndUnits } from './quantities.js'

/** English as it is said: numbers, dates, money, abbreviations, addresses and symbols become words, so that a voice need not know how they
 *  are read. For a sentence: its time grows with the square of the length. Words stay as they are, and so does the punctuation that a voice makes pauses of. Empty if nothing can be said. */
export function spokenText(text: string): string {
  const steps = [tidy, addresses, shortened, datesAndTimes, moneyAndUnits, romans, numbers, acronyms, symbols]
  return steps.reduce((said, step) => step(said), text)
}

function tidy(text: string): string {
  return (
    text
      .replaceAll(/[‘’ʼ]/g, "'")
      .replaceAll(/[“”„«»]/g, '"')
      .replaceAll('…', '...')
      .replaceAll(/(\d)\s?[–—]\s?(?=\d)/g, '$1-')
      .replaceAll(/\s*[–—]\s*|\s-{1,3}\s/g, ', ')
      .replaceAll('½', ' 1/2')
      .replaceAll('¼', ' 1/4')
      .replaceAll('¾', ' 3/4')
      // Voices know plain letters and digits: é is an e with something that can be taken off.
      .normalize('NFKD')
      .replaceAll(/\p{M}+/gu, '')
      .replaceAll(/\s+/g, ' ')
      .trim()
  )
}

function shortened(text: string): string {
  let said = text
  for (const [pattern, words] of latin) said = said.replaceAll(pattern, words)
  return (
    said
      // "St." is a saint before a name and a street behind one.
      .replaceAll(/(\b[A-Z][a-z]+|\d(?:st|nd|rd|th)) St\b\.?(?! [A-Z][a-z])/g, '$1 Street')
      .replaceAll(/\bSt\b\.? (?=[A-Z])/g, 'Saint ')
      .replaceAll(/(\d \w+ |\b[A-Z][a-z]+ )Dr\b\.?(?=[,.]|$)/g, '$1Drive')
      .replaceAll(/\b[Nn]os?\. ?(?=\d)/g, 'number ')
      .replaceAll(/\b[Pp]p?\. ?(?=\d)/g, 'page ')
      .replaceAll(/\b([A-Z][a-z]+)\b\.?(?= ?[A-Z])/g, (all, word: string) => titles[word] ?? all)
      .replaceAll(/\b([A-Za-z]+)\./g, (all, word: string, at: number, whole: string) => {
        const next = whole.slice(at + all.length)
        const isDay = /^[A-Z]/.test(word) && word in weekdays
        const words = isDay ? weekdays[word] : abbreviations[word]
        if (words === undefined || (isDay && !/^,|^\s+[A-Z\d]/.test(next))) return all
        // Where the sentence ends with it, the full stop stays.
        return next === '' || /^\s+[A-Z"]/.test(next) ? `${words}.` : words
      })
      // Initials: a full stop would be a pause.
      .replaceAll(/\b([A-Z])\.(?=\s?[A-Z](?:[a-z.]|\b))/g, '$1 ')
      .replaceAll(/\b([A-Z]) +([A-Z])\b\.?/g, '$1 $2')
  )
}

const numbered =
  /\b([Cc]hapter|[Pp]art|[Vv]olume|[Bb]ook|[Aa]ct|[Ss]cene|[Ss]ection|[Pp]hase|[Ll]evel|[Tt]ype|[Cc]lass|[Ss]tage|[Aa]rticle|War|Bowl|Final Fantasy|Mark|Rocky|Schedule|Title) ([IVXLC]+)\b/g

function romans(text: string): string {
  return text
    .replaceAll(numbered, (all, word: string, letters: string) => {
      const value = fromRoman(letters)
      return value === undefined ? all : `${word} ${cardinal(String(value))}`
    })
    .replaceAll(/\b([A-Z][a-z]+) ([IVX]{2,}|V|X)\b(?!\.[A-Z])/g, (all, name: string, letters: string) => {
      const value = fromRoman(letters)
      return value === undefined || value > 30 ? all : `${name} the ${ordinal(String(value))}`
    })
}

const fractionNames: Readonly<Record<string, readonly [string, string]>> = {
  2: ['half', 'halves'],
  4: ['quarter', 'quarters'],
}

function numbers(text: string): string {
  return (
    text
      // Telephone numbers, by their digits.
      .replaceAll(/(?:\+?\d{1,2}[-. ])?\(?\b\d{3}\)?[-. ]\d{3}[-.]\d{4}\b|\b\d{3}-\d{4}\b/g, (all) =>
        all
          .split(/\D+/)
          .filter((group) => group !== '')
          .map(spelledDigits)
          .join(', '),
      )
      .replaceAll(/\b(\d[\d,]*)(?:st|nd|rd|th)\b/g, (_, digits: string) => ordinal(digits.replaceAll(',', '')))
      .replaceAll(
        /\b(\d+ )?(\d{1,2})\/(\d{1,3})\b/g,
        (all, whole: string | undefined, above: string, below: string) => {
          if (Number(below) < 2 || Number(above) >= Number(below)) return all
          const [one, many] = fractionNames[below] ?? [ordinal(below), `${ordinal(below)}s`]
          const part = above === '1' ? (whole === undefined ? `one ${one}` : `a ${one}`) : `${cardinal(above)} ${many}`
          return whole === undefined ? part : `${cardinal(whole.trim())} and ${part}`
        },
      )
      .replaceAll(/\b(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)\b/g, (_, from: string, to: string) => `${from} to ${to}`)
      .replaceAll(
        /\b([Ii]n|[Ss]ince|[Bb]y|[Ff]rom|[Uu]ntil|[Tt]ill|[Oo]f|[Yy]ear|[Bb]efore|[Aa]fter|[Dd]uring|[Aa]round|[Cc]irca|to) (1[1-9]\d\d|20\d\d)\b(?![,.]?\d|%| [a-z]+s\b)/g,
        (_, word: string, digits: string) => `${word} ${year(digits)}`,
      )
      // Letters and digits apart, and the parts of a version.
      .replaceAll(/(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])/g, ' ')
      .replaceAll(/\d+(?:\.\d+){2,}/g, (all) => all.replaceAll('.', ' point '))
      // Behind several dots, which are a pause, a number begins with its digits.
      .replaceAll(
        /(?<![\d.])[-−]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)|(?<=\.)(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?/g,
        (all) => ` ${number(all)} `,
      )
  )
}

function acronyms(text: string): string {
  // Where everything is in capitals, nothing is an acronym.
  if (!/[a-z]/.test(text) && /[A-Z]{6,}|[A-Z]{2,} [A-Z]{2,}/.test(text)) return text.toLowerCase()
  return (
    text
      .replaceAll(/\b(?:[A-Z]\.){2,}/g, (all) => all.replaceAll('.', ' ').trim())
      .replaceAll(/\b([A-Z]{2,})(s?)\b(?!')/g, (_, letters: string, many: string) => {
        if (spokenAcronyms.has(letters)) return letters.toLowerCase() + many
        const isWord = letters.length > 5 || (letters.length >= 4 && /[AEIOU]/.test(letters.slice(1, -1)))
        if (isWord) return letters.toLowerCase() + many
        return letters.split('').join(' ') + (many === '' ? '' : "'s")
      })
      // A model's name, a paper size.
      .replaceAll(/\b([A-Z]{1,4})(?=\s*(?:zero|one|two|three|four|five|six|seven|eight|nine|ten)\b)/g, (all) =>
        all.split('').join(' '),
      )
  )
}

const symbolWords: readonly (readonly [RegExp, string])[] = [
  [/\s*&\s*/g, ' and '],
  [/\s*@\s*/g, ' at '],
  [/#(?=\s?[a-z])/g, ' number '],
  [/\s*%/g, ' percent'],
  [/\s*\+\s*/g, ' plus '],
  [/\s*=\s*/g, ' equals '],
  [/\s*×\s*/g, ' times '],
  [/\s*÷\s*/g, ' divided by '],
  [/\s*<\s*/g, ' less than '],
  [/\s*>\s*/g, ' greater than '],
  [/~\s*/g, ' about '],
  [/§\s*/g, ' section '],
  [/°/g, ' degrees '],
  [/\s*[\\/|]\s*/g, ' '],
  [/[_*^`#[\]{}<>|~]/g, ' '],
]

function symbols(text: string): string {
  let said = text
  for (const [pattern, words] of symbolWords) said = said.replaceAll(pattern, words)
  return said
    .replaceAll('ß', 'ss')
    .replaceAll('æ', 'ae')
    .replaceAll('ø', 'o')
    .replaceAll('ł', 'l')
    .replaceAll(/[^A-Za-z0-9 .,;:!?'"()-]/g, ' ')
    .replaceAll(/\s+([,.;:!?)])/g, '$1')
    .replaceAll(/([,.;:!?])(?:[,;:]\s*)+/g, '$1 ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/^[^A-Za-z0-9]+$/g, '')
    .trim()
}
