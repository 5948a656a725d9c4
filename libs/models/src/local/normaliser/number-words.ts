const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  )
const tens = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const scales = ['', 'thousand', 'million', 'billion', 'trillion', 'quadrillion', 'quintillion']
const irregularOrdinals: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
}
/** Longer numbers are read digit by digit: nobody says them otherwise. */
const maxDigits = scales.length * 3

/** @param digits only digits, of any number */
export function cardinal(digits: string): string {
  const plain = digits.replace(/^0+(?=\d)/, '')
  if (plain.length > maxDigits) return spelledDigits(digits)
  if (plain === '0') return 'zero'
  const groups: string[] = []
  for (let end = plain.length, scale = 0; end > 0; end -= 3, scale += 1) {
    const value = Number(plain.slice(Math.max(0, end - 3), end))
    if (value > 0) groups.unshift(`${belowThousand(value)} ${scales[scale]}`.trim())
  }
  return groups.join(' ')
}

export function ordinal(digits: string): string {
  const words = cardinal(digits).split(' ')
  const last = words.pop() ?? ''
  return [...words, irregularOrdinals[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`)].join(
    ' ',
  )
}

export function spelledDigits(digits: string): string {
  return digits
    .split('')
    .map((digit) => small[Number(digit)])
    .join(' ')
}

/** `-1,234.50`: a sign, groups, a decimal point. A number that begins with zeros or is long
 *  and neither grouped nor round is a code, and is spelled. */
export function number(text: string): string {
  const sign = /^[-−]/.test(text) ? 'minus ' : ''
  const [whole = '', part] = text
    .replace(/^[-−+]/, '')
    .replaceAll(',', '')
    .split('.')
  const isCode = part === undefined && (/^0\d/.test(whole) || (/^\d{7,}$/.test(text) && !whole.endsWith('000')))
  const words = isCode ? spelledDigits(whole) : cardinal(whole === '' ? '0' : whole)
  return part === undefined ? sign + words : `${sign}${words} point ${spelledDigits(part)}`
}

/** As years are said: nineteen eighty four, two thousand five, twenty twenty six. */
export function year(digits: string): string {
  const value = Number(digits)
  const century = Math.floor(value / 100)
  const rest = value % 100
  if (value < 1000 || value > 2099 || (value >= 2000 && value < 2010) || value % 1000 === 0) return cardinal(digits)
  if (rest === 0) return `${cardinal(String(century))} hundred`
  return `${cardinal(String(century))} ${rest < 10 ? `oh ${small[rest]}` : cardinal(String(rest))}`
}

/** `undefined`: these letters are no Roman numeral of 1 to 3,999. */
export function fromRoman(letters: string): number | undefined {
  if (!/^M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$/.test(letters) || letters === '')
    return undefined
  const values: Readonly<Record<string, number>> = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 }
  let sum = 0
  for (let index = 0; index < letters.length; index += 1) {
    const value = values[letters.charAt(index)] ?? 0
    sum += value < (values[letters.charAt(index + 1)] ?? 0) ? -value : value
  }
  return sum
}

function belowThousand(value: number): string {
  const hundreds = Math.floor(value / 100)
  const rest = value % 100
  const words = hundreds === 0 ? [] : [`${small[hundreds]} hundred`]
  if (rest > 0) words.push(rest < 20 ? (small[rest] ?? '') : `${tens[Math.floor(rest / 10)]} ${small[rest % 10]}`)
  return words.join(' ').replace(/ zero$/, '')
}
