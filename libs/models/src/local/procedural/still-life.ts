import { circle, ellipse, line, path, polygon, rect } from './canvas.js'
import { darker, lighter } from './colour.js'
import type { Drawing } from './drawing.js'

export const cup: Drawing = ({ lit, random }, colour) => {
  const glaze = lit(colour ?? random.pick(['#f4efe6', '#c9564a', '#3f6f9b', '#6f9a84']))
  const steam = 'M40 28q-6 -8 0 -14t0 -14M52 26q-6 -8 0 -14t0 -14M64 28q-6 -8 0 -14t0 -14'
  return [
    path(steam, { fill: 'none', stroke: '#ffffff', 'stroke-width': 3, 'stroke-linecap': 'round', opacity: 0.4 }),
    ellipse(50, 96, 44, 4.5, { fill: darker(glaze, 0.14) }),
    ellipse(50, 94.5, 44, 4, { fill: lighter(glaze, 0.2) }),
    path('M76 50q20 -2 18 14q-2 14 -24 14', { fill: 'none', stroke: glaze, 'stroke-width': 6 }),
    path('M20 40h60q0 40 -14 53q-16 4 -32 0q-14 -13 -14 -53z', { fill: glaze }),
    path('M64 42h16q0 38 -14 51q-5 1.5 -11 2q10 -20 9 -53z', { fill: darker(glaze, 0.22), opacity: 0.5 }),
    path('M26 46q1 28 9 42q-1 -22 -1 -42z', { fill: '#ffffff', opacity: 0.35 }),
    ellipse(50, 40, 30, 6.5, { fill: lighter(glaze, 0.3) }),
    ellipse(50, 41, 26.5, 5, { fill: lit('#4a2c1c') }),
    path('M32 41q16 5 36 -1', { fill: 'none', stroke: lit('#b98a5a'), 'stroke-width': 1.6 }),
  ]
}

export const book: Drawing = ({ lit, random }, colour) => {
  const cover = lit(colour ?? random.pick(['#8f3b3b', '#2f5d7c', '#3f6f4f', '#7a5a2f']))
  return [
    polygon(
      [
        [6, 88],
        [24, 72],
        [94, 76],
        [82, 96],
        [8, 97],
      ],
      { fill: '#0c0f18', opacity: 0.25 },
    ),
    polygon(
      [
        [6, 84],
        [78, 90],
        [78, 97],
        [6, 91],
      ],
      { fill: lit('#f6efdd') },
    ),
    path('M6 86l72 6M6 88.5l72 6', { stroke: lit('#d3c7a8'), 'stroke-width': 0.6 }),
    polygon(
      [
        [78, 90],
        [96, 74],
        [96, 80],
        [78, 97],
      ],
      { fill: lit('#e7dcc0') },
    ),
    polygon(
      [
        [6, 84],
        [25, 68],
        [96, 74],
        [78, 90],
      ],
      { fill: cover },
    ),
    polygon(
      [
        [22, 80],
        [33, 72],
        [80, 76],
        [69, 84],
      ],
      { fill: 'none', stroke: lit('#e3c46a'), 'stroke-width': 1.2 },
    ),
    polygon(
      [
        [6, 84],
        [8.5, 82],
        [8.5, 92.5],
        [6, 91],
      ],
      { fill: darker(cover, 0.3) },
    ),
  ]
}

export const fruit: Drawing = ({ lit, canvas }, colour) => {
  const skin = lit(colour ?? '#c93a36')
  const round = canvas.define(
    'radialGradient',
    { cx: '35%', cy: '30%', r: '75%' },
    `<stop offset="0" stop-color="${lighter(skin, 0.45)}"/><stop offset="0.5" stop-color="${skin}"/><stop offset="1" stop-color="${darker(skin, 0.4)}"/>`,
  )
  return [
    ellipse(52, 97, 30, 3.5, { fill: '#0c0f18', opacity: 0.3 }),
    path(
      'M50 52c-10 -8 -32 -4 -32 20c0 18 14 28 22 28c5 0 6 -2 10 -2s5 2 10 2c8 0 22 -10 22 -28c0 -24 -22 -28 -32 -20z',
      { fill: round },
    ),
    path('M50 54q-1 -10 4 -17', {
      fill: 'none',
      stroke: lit('#5a3d26'),
      'stroke-width': 2.6,
      'stroke-linecap': 'round',
    }),
    path('M54 44q8 -14 22 -9q-6 13 -22 9z', { fill: lit('#5a9c4f') }),
  ]
}

export const candle: Drawing = ({ lit, canvas }, colour) => {
  const wax = lit(colour ?? '#f4ead2')
  const glow = canvas.glow([
    { colour: '#ffd27a', opacity: 0.8 },
    { colour: '#ffb050', opacity: 0.18, at: 0.4 },
    { colour: '#ffb050', opacity: 0 },
  ])
  return [
    circle(50, 26, 60, { fill: glow }),
    ellipse(50, 97, 22, 3.5, { fill: lit('#a98a4a') }),
    rect(41, 44, 18, 52, { rx: 2, fill: wax }),
    rect(53, 44, 6, 52, { rx: 2, fill: darker(wax, 0.2), opacity: 0.6 }),
    path('M41 47q3 6 4 0q2 12 5 0h9v-3h-18z', { fill: lighter(wax, 0.4) }),
    line(
      [
        [50, 45],
        [50, 38],
      ],
      { stroke: '#3a2c22', 'stroke-width': 1.2 },
    ),
    path('M50 10q11 16 7 24q-3 6 -7 6t-7 -6q-3 -8 7 -24z', { fill: '#ffb63f' }),
    path('M50 22q6 9 4 13q-2 4 -4 4t-4 -4q-2 -4 4 -13z', { fill: '#fff3c4' }),
  ]
}
