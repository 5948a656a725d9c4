import { circle, ellipse, path, polygon, rect } from './canvas.js'
import { darker, lighter } from './colour.js'
import type { Drawing } from './drawing.js'

export const balloon: Drawing = ({ random, lit }, colour) => {
  const cloth = lit(colour ?? random.pick(['#d8443c', '#f0a52e', '#3f86c8', '#7a4fae', '#3f9b77']))
  const second = colour === undefined ? lit(random.pick(['#f6e7c8', '#f2c23c', '#f4f0ea'])) : lighter(cloth, 0.35)
  return [
    path('M44 74L46 86M56 74L54 86', { stroke: lit('#5a4636'), 'stroke-width': 0.9 }),
    path('M50 2c-24 0 -34 18 -34 33c0 17 16 28 26 40h16c10 -12 26 -23 26 -40c0 -15 -10 -33 -34 -33z', { fill: cloth }),
    path('M50 2c-14 4 -18 18 -18 33c0 17 8 28 13 40h10c5 -12 13 -23 13 -40c0 -15 -4 -29 -18 -33z', { fill: second }),
    path('M50 2c-5 4 -7 18 -7 33c0 17 3 28 5 40h4c2 -12 5 -23 5 -40c0 -15 -2 -29 -7 -33z', { fill: cloth }),
    path('M62 5c16 5 22 18 22 30c0 17 -16 28 -26 40h-6c14 -20 24 -40 10 -70z', { fill: '#101528', opacity: 0.16 }),
    path('M30 14q-10 10 -9 24q3 -14 15 -26z', { fill: '#ffffff', opacity: 0.35 }),
    rect(42, 73, 16, 3, { fill: darker(cloth, 0.35) }),
    path('M44 86h12l-1.5 12h-9z', { fill: lit('#8a5f3a') }),
    rect(43, 85, 14, 2.6, { rx: 1, fill: lit('#6b4728') }),
  ]
}

export const kite: Drawing = ({ lit, random }, colour) => {
  const cloth = lit(colour ?? random.pick(['#e2483f', '#3f8fd8', '#f2b632']))
  return [
    path('M44 60q-10 14 2 22t-6 18', { fill: 'none', stroke: lit('#5a4a44'), 'stroke-width': 0.9 }),
    polygon(
      [
        [50, 2],
        [74, 26],
        [44, 62],
        [26, 22],
      ],
      { fill: cloth },
    ),
    polygon(
      [
        [50, 2],
        [74, 26],
        [49, 25],
      ],
      { fill: lighter(cloth, 0.35) },
    ),
    polygon(
      [
        [26, 22],
        [49, 25],
        [44, 62],
      ],
      { fill: darker(cloth, 0.2) },
    ),
    ...[
      [43, 72],
      [48, 84],
      [42, 94],
    ].map(([x = 0, y = 0]) =>
      polygon(
        [
          [x - 5, y - 2.5],
          [x + 5, y + 2.5],
          [x + 5, y - 2.5],
          [x - 5, y + 2.5],
        ],
        { fill: lighter(cloth, 0.3) },
      ),
    ),
  ]
}

export const plane: Drawing = ({ lit }, colour) => {
  const body = lit(colour ?? '#f2f4f6')
  return [
    path('M8 36l14 4l10 18l-10 1z', { fill: darker(body, 0.25) }),
    path('M6 62q2 -6 14 -7l58 -9q14 -1 18 5q-2 6 -16 8l-56 9q-16 0 -18 -6z', { fill: body }),
    path('M44 58l-14 28l9 -1l24 -29z', { fill: darker(body, 0.3) }),
    path('M48 52l2 -22l6 -1l8 20z', { fill: darker(body, 0.15) }),
    path('M10 64q34 2 80 -12q-4 6 -14 7l-56 9q-8 0 -10 -4z', { fill: lit('#3f7fc4'), opacity: 0.75 }),
    ...[40, 47, 54, 61, 68, 75].map((x) => circle(x, 56 - (x - 40) * 0.15, 1.3, { fill: lit('#33506f') })),
  ]
}

export const rocket: Drawing = ({ lit, canvas }, colour) => {
  const trim = lit(colour ?? '#d8443c')
  const body = lit('#f1f2f4')
  const flame = canvas.gradient([
    { colour: '#fff3b8' },
    { colour: '#ffa53a', at: 0.4 },
    { colour: '#f0562a', opacity: 0 },
  ])
  return [
    path('M42 76q-4 14 8 24q12 -10 8 -24z', { fill: flame }),
    path('M36 56q-14 8 -13 24l13 -7zM64 56q14 8 13 24l-13 -7z', { fill: trim }),
    path('M50 2q17 20 15 52q-1 14 -4 22h-22q-3 -8 -4 -22q-2 -32 15 -52z', { fill: body }),
    path('M55 8q12 20 10 46q-1 14 -4 22h-9q8 -34 3 -68z', { fill: darker(body, 0.25), opacity: 0.45 }),
    path('M50 2q8 9 12 21h-24q4 -12 12 -21z', { fill: trim }),
    circle(50, 38, 7.5, { fill: trim }),
    circle(50, 38, 5, { fill: lit('#8fd0ea') }),
    path('M47 60h6v18h-6z', { fill: trim }),
  ]
}

export const ufo: Drawing = ({ lit, canvas }, colour) => {
  const metal = lit(colour ?? '#a9b6c2')
  const beam = canvas.gradient([
    { colour: '#b8ffd8', opacity: 0.6 },
    { colour: '#b8ffd8', opacity: 0 },
  ])
  return [
    polygon(
      [
        [36, 52],
        [64, 52],
        [84, 100],
        [16, 100],
      ],
      { fill: beam },
    ),
    path('M32 40q2 -22 18 -22t18 22z', { fill: '#9fe3f2', opacity: 0.85 }),
    ellipse(50, 46, 46, 11, { fill: metal }),
    ellipse(50, 43, 40, 7, { fill: lighter(metal, 0.4) }),
    ellipse(50, 41, 20, 3.5, { fill: darker(metal, 0.2) }),
    ...[14, 30, 50, 70, 86].map((x) => circle(x, 48 + (1 - Math.abs(x - 50) / 40) * 4, 2.6, { fill: '#ffe27a' })),
  ]
}

export const planet: Drawing = ({ random, canvas }, colour) => {
  const base = colour ?? random.pick(['#d9a066', '#7fb0d8', '#c96f5a', '#9a86c8', '#6fb59a'])
  const round = canvas.define(
    'radialGradient',
    { cx: '32%', cy: '30%', r: '85%' },
    `<stop offset="0" stop-color="${lighter(base, 0.4)}"/><stop offset="0.45" stop-color="${base}"/><stop offset="1" stop-color="${darker(base, 0.82)}"/>`,
  )
  const clip = canvas.define('clipPath', {}, circle(50, 50, 34, {}))
  const bands = [30, 40, 47, 58, 66, 74].map((y) =>
    ellipse(50 + random.between(-6, 6), y, 40, random.between(1.5, 4), {
      fill: random.chance(0.5) ? lighter(base, 0.35) : darker(base, 0.3),
      opacity: 0.4,
    }),
  )
  const ring = random.chance(0.6)
  const half = (sweep: 0 | 1): string =>
    path(`M-8 58A60 15 -12 0 ${sweep} 108 42`, {
      fill: 'none',
      stroke: lighter(base, 0.45),
      'stroke-width': 5,
      opacity: 0.75,
    })
  return [
    ...(ring ? [half(1)] : []),
    circle(50, 50, 34, { fill: base }),
    `<g clip-path="${clip}">${bands.join('')}</g>`,
    circle(50, 50, 34, { fill: round, opacity: 0.8 }),
    ...(ring ? [half(0)] : []),
  ]
}
