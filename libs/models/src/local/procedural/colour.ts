/** `#rrggbb`. */
export type Colour = string

/** The colours that prompts name. */
export const namedColours: Readonly<Record<string, Colour>> = {
  red: '#d8342c',
  crimson: '#b0173a',
  scarlet: '#e0301e',
  orange: '#f0862b',
  amber: '#f2a93b',
  gold: '#e3b23c',
  golden: '#e3b23c',
  yellow: '#f5d13d',
  lime: '#a5cf3b',
  green: '#3f9b4f',
  emerald: '#1f8a5b',
  mint: '#9fdcc0',
  teal: '#1f8f8f',
  turquoise: '#35bfc0',
  cyan: '#37b7d8',
  blue: '#2f6fd0',
  azure: '#4a9be8',
  navy: '#20305f',
  indigo: '#42389d',
  violet: '#7b4bc4',
  purple: '#7a3fa8',
  lavender: '#b7a3e0',
  magenta: '#c8359a',
  pink: '#ee86ae',
  rose: '#e0607e',
  peach: '#f7b58f',
  brown: '#80512f',
  beige: '#dccbaa',
  cream: '#f5ecd2',
  white: '#f6f5f0',
  silver: '#b9c0c8',
  grey: '#868c94',
  gray: '#868c94',
  black: '#22242b',
}

/** From one to the other by way of OKLab, so that what lies between is as bright as one expects.
 *  Source: https://bottosson.github.io/posts/oklab/ */
export function mix(from: Colour, to: Colour, part: number): Colour {
  const a = toLab(from)
  const b = toLab(to)
  return fromLab([a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part])
}

export const lighter = (colour: Colour, part = 0.3): Colour => mix(colour, '#ffffff', part)
export const darker = (colour: Colour, part = 0.3): Colour => mix(colour, '#0c1020', part)

/** 0 black, 1 white, as bright as it seems. */
export const lightness = (colour: Colour): number => toLab(colour)[0]

type Triple = readonly [number, number, number]

/** OKLab: lightness, green to red, blue to yellow. */
export function toLab(colour: Colour): Triple {
  const [r, g, b] = [1, 3, 5].map((at) => linear(Number.parseInt(colour.slice(at, at + 2), 16) / 255)) as [
    number,
    number,
    number,
  ]
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

function fromLab([lightnessOf, a, b]: Triple): Colour {
  const l = (lightnessOf + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightnessOf - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightnessOf - 0.0894841775 * a - 1.291485548 * b) ** 3
  const channels = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
  return `#${channels
    .map((value) =>
      Math.round(gamma(value) * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
}

function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}

function gamma(value: number): number {
  const within = Math.min(1, Math.max(0, value))
  return within <= 0.0031308 ? within * 12.92 : 1.055 * within ** (1 / 2.4) - 0.055
}
