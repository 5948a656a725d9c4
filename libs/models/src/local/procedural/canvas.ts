import type { Colour } from './colour.js'
import type { Random } from './random.js'

type Value = string | number
export type Attributes = Readonly<Record<string, Value | undefined>>
export type Point = readonly [x: number, y: number]

/** An SVG drawing in the making. Shapes are text, so that they can be put together, turned and coloured before they are added. */
export class Canvas {
  readonly width: number
  readonly height: number
  readonly random: Random
  readonly #definitions: string[] = []
  readonly #shapes: string[] = []

  constructor(width: number, height: number, random: Random) {
    this.width = width
    this.height = height
    this.random = random
  }

  add(...shapes: readonly string[]): void {
    this.#shapes.push(...shapes)
  }

  /** Something to refer to by `url(#…)`. */
  define(name: string, attributes: Attributes, content: string): string {
    const id = `d${this.#definitions.length}`
    this.#definitions.push(shape(name, { id, ...attributes }, content))
    return `url(#${id})`
  }

  /** From top to bottom, or to the right when `sideways`; evenly spread, or at the given parts. */
  gradient(stops: readonly GradientStop[], sideways = false): string {
    const direction = sideways ? { x1: 0, y1: 0, x2: 1, y2: 0 } : { x1: 0, y1: 0, x2: 0, y2: 1 }
    return this.define('linearGradient', direction, gradientStops(stops))
  }

  /** From the centre outwards. */
  glow(stops: readonly GradientStop[]): string {
    return this.define('radialGradient', {}, gradientStops(stops))
  }

  blur(deviation: number): string {
    const area = { x: '-50%', y: '-50%', width: '200%', height: '200%' }
    return this.define('filter', area, shape('feGaussianBlur', { stdDeviation: deviation }))
  }

  toString(): string {
    const { width, height } = this
    const content = shape('defs', {}, this.#definitions.join('')) + this.#shapes.join('')
    const size = { width, height, viewBox: `0 0 ${width} ${height}` }
    return shape('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, content)
  }
}

export interface GradientStop {
  readonly colour: Colour
  readonly opacity?: number
  /** 0 to 1. */
  readonly at?: number
}

function gradientStops(stops: readonly GradientStop[]): string {
  const last = Math.max(1, stops.length - 1)
  return stops
    .map(({ colour, opacity, at }, n) =>
      shape('stop', { offset: at ?? n / last, 'stop-color': colour, 'stop-opacity': opacity }),
    )
    .join('')
}

export function shape(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? short(value) : value}"`)
    .join('')
  return content === '' ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`
}

export const rect = (x: number, y: number, width: number, height: number, attributes: Attributes): string =>
  shape('rect', { x, y, width, height, ...attributes })

export const circle = (cx: number, cy: number, r: number, attributes: Attributes): string =>
  shape('circle', { cx, cy, r, ...attributes })

export const ellipse = (cx: number, cy: number, rx: number, ry: number, attributes: Attributes): string =>
  shape('ellipse', { cx, cy, rx, ry, ...attributes })

export const polygon = (points: readonly Point[], attributes: Attributes): string =>
  shape('polygon', { points: points.map(([x, y]) => `${short(x)},${short(y)}`).join(' '), ...attributes })

export const line = (points: readonly Point[], attributes: Attributes): string =>
  shape('polyline', {
    points: points.map(([x, y]) => `${short(x)},${short(y)}`).join(' '),
    fill: 'none',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    ...attributes,
  })

/** `data` as SVG's `d`, its numbers shortened. */
export const path = (data: string, attributes: Attributes): string =>
  shape('path', { d: data.replace(/-?\d+\.\d+/g, (number) => short(Number(number))), ...attributes })

export const group = (attributes: Attributes, ...shapes: readonly string[]): string =>
  shape('g', attributes, shapes.join(''))

/** Drawn in a square of 100 × 100 that stands on its lower edge: moved so that the middle of that edge is at x, y, `size` high. */
export function standing(x: number, y: number, size: number, mirrored: boolean, ...shapes: readonly string[]): string {
  const scale = size / 100
  const transform = `translate(${short(x)} ${short(y)}) scale(${short4(mirrored ? -scale : scale)} ${short4(scale)}) translate(-50 -100)`
  return group({ transform }, ...shapes)
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100)
}

function short4(value: number): string {
  return String(Math.round(value * 10_000) / 10_000)
}
