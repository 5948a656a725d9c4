import type { DetectedObject, TextLine } from '../../vision-model.js'
import type { Colours } from './colours.js'

export interface Seen {
  readonly width: number
  readonly height: number
  readonly objects: readonly DetectedObject[]
  readonly lines: readonly TextLine[]
  readonly colours: Colours
}

/** So much of the text is quoted. */
const quotedCharacters = 400

/** What was found, in sentences, and nothing that was not: what the detector took for what and where, what was read, which colours. */
export function describeSeen(seen: Seen): string {
  return [shapeOf(seen), objectsOf(seen), textOf(seen), coloursOf(seen)].filter((sentence) => sentence !== '').join(' ')
}

function shapeOf({ width, height }: Seen): string {
  const form = width > height * 1.15 ? 'wide' : height > width * 1.15 ? 'tall' : 'square'
  return `A ${form} picture of ${width} × ${height} pixels.`
}

function objectsOf({ objects, lines, width, height }: Seen): string {
  if (objects.length === 0) {
    return lines.length === 0
      ? 'Nothing that the detector knows and no text was found in it.'
      : 'Nothing that the detector knows was found in it.'
  }
  const groups = new Map<string, DetectedObject[]>()
  for (const object of objects) groups.set(object.label, [...(groups.get(object.label) ?? []), object])
  const area = ({ box }: DetectedObject): number => (box.width * box.height) / (width * height)
  const listed = [...groups.values()]
    .toSorted((one, other) => Math.max(...other.map(area)) - Math.max(...one.map(area)))
    .map((group) => {
      const [first] = group
      if (first === undefined) return ''
      const score = Math.round(Math.max(...group.map((one) => one.score)) * 100)
      if (group.length > 1) return `${numberWord(group.length)} ${plural(first.label)} (${score} % sure at most)`
      return `${article(first.label)} ${first.label} ${placeOf(first, width, height, area(first))} (${score} % sure)`
    })
  return `It shows ${inList(listed)}.`
}

function placeOf({ box }: DetectedObject, width: number, height: number, area: number): string {
  if (area > 0.6) return 'that fills most of it'
  const [x, y] = [(box.left + box.width / 2) / width, (box.top + box.height / 2) / height]
  const across = x < 0.36 ? 'left' : x > 0.64 ? 'right' : ''
  const down = y < 0.32 ? 'top' : y > 0.68 ? 'bottom' : ''
  const size = area < 0.02 ? 'small, ' : ''
  if (across === '' && down === '') return `${size}in the middle`
  if (across === '') return `${size}at the ${down}`
  return `${size}at the ${down === '' ? across : `${down} ${across}`}`
}

function textOf({ lines }: Seen): string {
  if (lines.length === 0) return ''
  const text = lines.map((line) => line.text).join(' ')
  const quoted = text.length <= quotedCharacters ? text : `${Array.from(text).slice(0, quotedCharacters).join('')}…`
  return `Text in it reads: “${quoted}”`
}

function coloursOf({ colours: { shares, lightness } }: Seen): string {
  const named = shares.filter(({ share }, n) => share >= (n === 0 ? 0 : 0.15)).slice(0, 3)
  const light = lightness < 0.3 ? 'It is dark' : lightness > 0.82 ? 'It is bright' : 'It is of middle brightness'
  const names = inList(named.map(({ name }) => name))
  const first = named[0]?.share ?? 0
  return `${light}, ${first > 0.9 ? `all but ${Math.max(1, Math.round((1 - first) * 100))} % ${names}` : `mostly ${names}`}.`
}

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a')

function numberWord(count: number): string {
  return ['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'][count - 2] ?? String(count)
}

function plural(label: string): string {
  const irregular: Readonly<Record<string, string>> = {
    person: 'people',
    knife: 'knives',
    mouse: 'mice',
    sheep: 'sheep',
    skis: 'skis',
    scissors: 'scissors',
  }
  if (Object.hasOwn(irregular, label)) return irregular[label] ?? label
  return /(s|sh|ch|x)$/.test(label) ? `${label}es` : `${label}s`
}

function inList(words: readonly string[]): string {
  return words.length <= 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
