import type { Scene } from './scene.js'
import { namedColours, type Colour } from './colour.js'

/** What an edit does to the pixels that are there. */
export interface Adjustment {
  /** Times the light. */
  readonly brightness: number
  /** Times the colourfulness; 0: none. */
  readonly saturation: number
  /** Times the distance from grey. */
  readonly contrast: number
  /** All is drawn towards this colour, by this part. */
  readonly tint?: { readonly colour: Colour; readonly part: number }
  /** In parts of the shorter side. */
  readonly blur: number
  readonly sharpen: boolean
  readonly invert: boolean
  readonly mirror: boolean
  readonly style: Scene['style']
  /** What it does, for `revisedPrompt`. */
  readonly said: readonly string[]
}

const none: Adjustment = {
  brightness: 1,
  saturation: 1,
  contrast: 1,
  blur: 0,
  sharpen: false,
  invert: false,
  mirror: false,
  style: 'plain',
  said: [],
}

const words: readonly (readonly [RegExp, string, (now: Adjustment) => Partial<Adjustment>])[] = [
  [/\b(bright(er|en)?|lighter|lighten)\b/, 'brighter', (now) => ({ brightness: now.brightness * 1.25 })],
  [/\b(darker|darken|dim(mer)?)\b/, 'darker', (now) => ({ brightness: now.brightness * 0.7 })],
  [/\b(vivid|saturated|colou?rful|vibrant)\b/, 'more colourful', (now) => ({ saturation: now.saturation * 1.4 })],
  [/\b(muted|faded|pale(r)?|desaturated)\b/, 'less colourful', (now) => ({ saturation: now.saturation * 0.55 })],
  [/\b(contrast|dramatic)\b/, 'more contrast', (now) => ({ contrast: now.contrast * 1.3 })],
  [/\b(blur(red|ry)?|soft(er)?|out of focus)\b/, 'blurred', () => ({ blur: 0.012 })],
  [/\b(sharp(er|en)?|crisp)\b/, 'sharper', () => ({ sharpen: true })],
  [/\b(invert(ed)?|negative)\b/, 'inverted', () => ({ invert: true })],
  [/\b(mirror(ed)?|flip(ped)?)\b/, 'mirrored', () => ({ mirror: true })],
  [/\b(warm(er)?)\b/, 'warmer', () => ({ tint: { colour: '#ffab5e', part: 0.16 } })],
  [/\b(cold(er)?|cool(er)?)\b/, 'colder', () => ({ tint: { colour: '#5e9bff', part: 0.16 } })],
]

const lights: Readonly<Record<'night' | 'sunset' | 'dawn', Partial<Adjustment>>> = {
  night: { brightness: 0.45, saturation: 0.65, tint: { colour: '#22387a', part: 0.4 } },
  sunset: { brightness: 0.88, tint: { colour: '#f0784a', part: 0.3 } },
  dawn: { tint: { colour: '#f3b8a8', part: 0.26 } },
}

/** Whether a word is about how the pixels are to change. */
export const isAdjustment = (word: string): boolean => words.some(([pattern]) => pattern.test(word))

/** The adjustment that a prompt asks for. */
export function adjustmentFrom(prompt: string, scene: Scene, timeIsSaid: boolean): Adjustment {
  let now = none
  const apply = (said: string, change: Partial<Adjustment>): void => {
    now = { ...now, ...change, said: [...now.said, said] }
  }
  const text = prompt.toLowerCase()
  for (const [pattern, said, change] of words) if (pattern.test(text)) apply(said, change(now))
  if (timeIsSaid && scene.time !== 'day') apply(`${scene.time} light`, lights[scene.time])
  if (scene.tint !== undefined) apply(`tinted ${nameOf(scene.tint)}`, { tint: { colour: scene.tint, part: 0.42 } })
  if (scene.style !== 'plain') apply(scene.style, { style: scene.style })
  if (scene.weather !== 'clear')
    apply(scene.weather, scene.weather === 'cloudy' ? { saturation: now.saturation * 0.7 } : {})
  return now
}

function nameOf(colour: Colour): string {
  return Object.entries(namedColours).find(([, value]) => value === colour)?.[0] ?? colour
}
