import { toLab } from '../procedural/colour.js'
import type { Sharp } from '../../pictures/sharp.js'

/** The colours that people tell apart by one word, each with some of its shades. */
const shades: readonly (readonly [name: string, ...shades: string[]])[] = [
  ['black', '#000000', '#17171a', '#262629'],
  ['grey', '#5c5c60', '#808084', '#a3a3a6', '#c4c4c7'],
  ['white', '#ffffff', '#ececec'],
  ['red', '#c8201c', '#8f1512', '#e8483c'],
  ['orange', '#ee7f22', '#d9641e'],
  ['brown', '#6b4326', '#8a5a34', '#42291a', '#a67c52'],
  ['beige', '#e3d2b0', '#cdb894'],
  ['yellow', '#f2d22e', '#d9b51c'],
  ['green', '#2f8a3a', '#1d4f26', '#7fbf55', '#56793a', '#a8cf8e'],
  ['turquoise', '#2fa8a3', '#7fd0cb'],
  ['blue', '#2460c8', '#15285c', '#5f9be0', '#a8cdf2', '#3a4f7a'],
  ['purple', '#6f3a9f', '#3f2460', '#a884cf'],
  ['pink', '#ee8fb3', '#d8508a', '#f4c8d6'],
]

const points = shades.flatMap(([name, ...list]) => list.map((shade) => ({ name, lab: toLab(shade) })))

export interface ColourShare {
  readonly name: string
  /** 0 to 1. */
  readonly share: number
}

export interface Colours {
  /** Largest share first. */
  readonly shares: readonly ColourShare[]
  /** 0 black to 1 white, as bright as it seems on the whole. */
  readonly lightness: number
}

/** Which colours a picture has, by the name that is nearest to each of 48 × 48 parts. */
export async function coloursOf(sharp: Sharp, bytes: Uint8Array): Promise<Colours> {
  const image = sharp(bytes).flatten({ background: '#ffffff' }).toColourspace('srgb')
  const data = await image.resize(48, 48, { fit: 'fill' }).removeAlpha().raw().toBuffer()
  const counts = new Map<string, number>()
  let light = 0
  const pixels = data.length / 3
  for (let at = 0; at < data.length; at += 3) {
    const lab = toLab(`#${data.toString('hex', at, at + 3)}`)
    light += lab[0]
    let [name, least] = ['', Infinity]
    for (const point of points) {
      // Hue tells colours apart more than light does.
      const distance =
        (0.6 * (point.lab[0] - lab[0])) ** 2 + (point.lab[1] - lab[1]) ** 2 + (point.lab[2] - lab[2]) ** 2
      if (distance < least) [name, least] = [point.name, distance]
    }
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const shares = [...counts].map(([name, count]) => ({ name, share: count / pixels }))
  return { shares: shares.toSorted((one, other) => other.share - one.share), lightness: light / pixels }
}
