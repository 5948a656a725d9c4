import { type Colour, namedColours } from './colour.js'
import type { Random } from './random.js'
import {
  fillers,
  numbers,
  type Part,
  parts,
  type Place,
  places,
  type Season,
  seasons,
  sizes,
  type Style,
  styles,
  type ThingKind,
  things,
  type Time,
  times,
  type Weather,
  weathers,
} from './vocabulary.js'

/** Something to draw, as often as the prompt asks. */
export interface Thing {
  readonly kind: ThingKind
  /** The word of the prompt. */
  readonly word: string
  readonly count: number
  readonly colour?: Colour
  /** 1: as large as it usually is. */
  readonly scale: number
}

/** What is to be drawn, as far as words were understood. */
export interface Scene {
  readonly place: Place
  readonly time: Time
  readonly weather: Weather
  readonly season: Season
  readonly style: Style
  readonly things: readonly Thing[]
  readonly colours: Readonly<Partial<Record<Part, Colour>>>
  /** Colours that belong to nothing in particular: they tint all. */
  readonly tint?: Colour
  /** What must not be there, not even as decoration. */
  readonly absent: ReadonlySet<string>
  /** Words that mean nothing here. */
  readonly ignored: readonly string[]
}

/** The scene that a prompt describes; what it leaves open follows from the random numbers. */
export function sceneFrom(prompt: string, negativePrompt: string, random: Random): Scene {
  const { wanted, unwanted } = split(prompt, negativePrompt)
  const said = read(wanted)
  const absent = new Set(read(unwanted).found)
  const drawn = said.things.filter((thing) => !absent.has(thing.kind) && !absent.has(thing.word))
  const place = choosePlace(said, drawn, absent, random)
  const time = said.times.find((one) => !absent.has(one)) ?? chooseTime(drawn, place, absent, random)
  const season = said.seasons.find((one) => !absent.has(one)) ?? (absent.has('summer') ? 'spring' : 'summer')
  return {
    place,
    time,
    season,
    weather: said.weathers.find((one) => !absent.has(one)) ?? 'clear',
    style: said.styles.find((one) => !absent.has(one)) ?? 'plain',
    things: drawn,
    colours: said.colours,
    ...(said.tint === undefined ? {} : { tint: said.tint }),
    absent,
    ignored: said.ignored,
  }
}

/** What was made of the prompt, in one sentence, for whoever wonders. */
export function sceneInWords(scene: Scene): string {
  const drawn = scene.things.map(({ kind, count }) => (count === 1 ? kind : `${count} × ${kind}`))
  const parts = [
    scene.place === 'abstract'
      ? 'a procedural composition of forms and colours'
      : `a procedural scene: ${scene.place}, ${scene.time}, ${scene.season}, ${scene.weather}`,
    ...(scene.style === 'plain' ? [] : [scene.style]),
    ...(drawn.length === 0 ? [] : [`with ${drawn.join(', ')}`]),
    ...(scene.absent.size === 0 ? [] : [`without ${[...scene.absent].join(', ')}`]),
    ...(scene.ignored.length === 0 ? [] : [`not understood: ${scene.ignored.join(', ')}`]),
  ]
  return parts.join('; ')
}

/** Whether a prompt names a time of day. */
export function timeIsSaid(prompt: string): boolean {
  return read(split(prompt, '').wanted).times.length > 0
}

interface Said {
  readonly things: readonly Thing[]
  readonly places: readonly Place[]
  readonly times: readonly Time[]
  readonly weathers: readonly Weather[]
  readonly seasons: readonly Season[]
  readonly styles: readonly Style[]
  readonly colours: Readonly<Partial<Record<Part, Colour>>>
  readonly tint: Colour | undefined
  readonly ignored: readonly string[]
  /** All meanings, and all words that have one. */
  readonly found: readonly string[]
}

const negations = new Set(['no', 'without', 'not', 'never', 'excluding', 'except'])

/** `a lake without boats and no people` wants a lake; a negation reaches to the next comma, `but`, `with` or the end. */
function split(prompt: string, negativePrompt: string): { wanted: string[]; unwanted: string[] } {
  const wanted: string[] = []
  const unwanted = wordsOf(negativePrompt).filter((word) => !negations.has(word))
  let negated = false
  for (const word of wordsOf(prompt)) {
    if (negations.has(word)) negated = true
    else if ([',', '.', 'but', 'with', 'in', 'under'].includes(word)) negated = false
    else if (negated) unwanted.push(word)
    else wanted.push(word)
  }
  return { wanted, unwanted }
}

function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .normalize('NFC')
      .replaceAll(/black\s+(and|&)\s+white/g, 'black-and-white')
      .match(/[\p{L}\p{N}]+(?:[-'’][\p{L}\p{N}]+)*|[,.;]/gu)
      ?.map((word) => (word === ';' ? ',' : word.replace(/['’]s$/, ''))) ?? []
  )
}

function read(words: readonly string[]): Said {
  const said = {
    things: [] as Thing[],
    places: [] as Place[],
    times: [] as Time[],
    weathers: [] as Weather[],
    seasons: [] as Season[],
    styles: [] as Style[],
    colours: {} as Partial<Record<Part, Colour>>,
    ignored: [] as string[],
    found: [] as string[],
  }
  let tint: Colour | undefined
  // What was said before a noun: `three small red boats`.
  let count: number | undefined
  let scale = 1
  let colour: Colour | undefined
  const noun = (): void => {
    count = undefined
    scale = 1
    colour = undefined
  }
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const pair = `${word}-${singular(words[at + 1] ?? '')}`
    const known = (list: ReadonlyMap<string, unknown>, text: string): boolean => list.has(text)
    const lists = [things, places, times, weathers, seasons, styles]
    const isPair = lists.some((list) => known(list, pair))
    const one = isPair ? pair : lists.some((list) => known(list, word)) ? word : singular(word)
    if (isPair) at++
    const plural = !isPair ? one !== word : singular(words[at] ?? '') !== words[at]

    const thing = things.get(one)
    const [place, time, weather, season, style, part] = [
      places.get(one),
      times.get(one),
      weathers.get(one),
      seasons.get(one),
      styles.get(one),
      parts.get(one),
    ]
    if (place !== undefined) said.places.push(place)
    if (time !== undefined) said.times.push(time)
    if (weather !== undefined) said.weathers.push(weather)
    if (season !== undefined) said.seasons.push(season)
    if (style !== undefined) said.styles.push(style)
    if (part !== undefined && colour !== undefined) said.colours[part] = colour
    if (thing !== undefined) {
      const several = plural || (sameInPlural.has(one) && count === undefined)
      const many = onlyOne.has(thing) ? 1 : (count ?? (several ? usualMany(thing) : 1))
      if (one === 'cherry-tree') colour ??= '#f3b6c8'
      const young = ['child', 'boy', 'girl', 'kid', 'kitten', 'puppy', 'lamb'].includes(one) ? 0.72 : 1
      said.things.push({
        kind: thing,
        word: one,
        count: many,
        scale: scale * young,
        ...(colour === undefined ? {} : { colour }),
      })
    }
    const meanings = [thing, place, time, weather, season, style].filter((meaning) => meaning !== undefined)
    if (meanings.length > 0 || part !== undefined) {
      said.found.push(one, ...meanings)
      // `a golden hour` and the like: a time takes no colour with it.
      if (thing !== undefined || place !== undefined || part !== undefined) noun()
      continue
    }
    const named = Object.hasOwn(namedColours, word) ? namedColours[word] : undefined
    if (named !== undefined) {
      if (colour !== undefined) tint = colour
      colour = named
      said.found.push(word)
    } else if (numbers.has(word)) count = numbers.get(word)
    else if (/^\d{1,2}$/.test(word)) count = Math.max(1, Math.min(40, Number(word)))
    else if (sizes.has(word)) scale = sizes.get(word) ?? 1
    else if (word === ',' || word === '.') noun()
    else if (!fillers.has(word)) said.ignored.push(word)
  }
  if (colour !== undefined) tint = colour
  return {
    ...said,
    things: merged(said.things),
    tint,
    ignored: [...new Set(said.ignored)],
    found: [...new Set(said.found)],
  }
}

/** `cherry tree with blossoms, a tree` is not more trees than the most that was asked for, of one colour. */
function merged(all: readonly Thing[]): Thing[] {
  const byKind = new Map<string, Thing>()
  for (const thing of all) {
    const key = `${thing.kind} ${thing.colour ?? ''}`
    const before = byKind.get(key)
    if (before === undefined || before.count < thing.count) byKind.set(key, thing)
  }
  return [...byKind.values()].slice(0, 24)
}

function singular(word: string): string {
  if (word === 'people' || word === 'leaves' || word.length < 4) return word
  const irregular: Readonly<Record<string, string>> = {
    men: 'man',
    women: 'woman',
    children: 'child',
    wolves: 'wolf',
    geese: 'goose',
  }
  if (Object.hasOwn(irregular, word)) return irregular[word] ?? word
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  if (/(ch|sh|x|ss)es$/.test(word)) return word.slice(0, -2)
  return word.endsWith('s') && !word.endsWith('ss') && !word.endsWith('us') ? word.slice(0, -1) : word
}

const sameInPlural: ReadonlySet<string> = new Set(['sheep', 'fish', 'people'])
const onlyOne: ReadonlySet<ThingKind> = new Set([
  'aurora',
  'sun',
  'moon',
  'rainbow',
  'lightning',
  'path',
  'river',
  'waterfall',
])

function usualMany(kind: ThingKind): number {
  if (['tree', 'pine', 'flower', 'star', 'bird'].includes(kind)) return kind === 'flower' ? 14 : 7
  return kind === 'cloud' || kind === 'fish' ? 5 : 3
}

const onWater: readonly ThingKind[] = ['boat', 'whale', 'island', 'lighthouse']
const onTable: readonly ThingKind[] = ['cup', 'book', 'fruit', 'vase', 'candle']
const inSpace: readonly ThingKind[] = ['planet', 'ufo']

function choosePlace(said: Said, drawn: readonly Thing[], absent: ReadonlySet<string>, random: Random): Place {
  // `mountains by the lake`: water lies before what stands behind it, and the drawing of a lake has mountains.
  const wanted = said.places.filter((place) => !absent.has(place))
  if (wanted.includes('mountains') && wanted.includes('lake')) return 'lake'
  const [first] = wanted
  if (first !== undefined) return first
  const kinds = drawn.map((thing) => thing.kind)
  const every = (group: readonly ThingKind[]): boolean => kinds.some((kind) => group.includes(kind))
  if (kinds.length > 0 && kinds.every((kind) => onTable.includes(kind))) return 'table'
  if (every(onWater)) return 'sea'
  if (every(inSpace)) return 'space'
  if (kinds.includes('cactus')) return 'desert'
  if (kinds.includes('palm')) return 'beach'
  if (kinds.includes('fish')) return 'underwater'
  const understood = said.found.length > 0
  if (!understood && said.ignored.length > 0) return 'abstract'
  return pickPresent(['hills', 'hills', 'mountains', 'lake'], absent, random) ?? 'desert'
}

function chooseTime(drawn: readonly Thing[], place: Place, absent: ReadonlySet<string>, random: Random): Time {
  const kinds = drawn.map((thing) => thing.kind)
  const nocturnal: readonly ThingKind[] = ['moon', 'star', 'aurora', 'campfire']
  if (!absent.has('night') && (place === 'space' || kinds.some((kind) => nocturnal.includes(kind)))) return 'night'
  if (kinds.includes('rainbow')) return 'day'
  return pickPresent<Time>(['day', 'day', 'sunset', 'dawn'], absent, random) ?? 'night'
}

function pickPresent<T extends string>(
  usual: readonly T[],
  absent: ReadonlySet<string>,
  random: Random,
): T | undefined {
  const present = usual.filter((one) => !absent.has(one))
  return present[random.integer(0, present.length - 1)]
}
