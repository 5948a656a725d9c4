import { circle, ellipse, group, line, path, polygon, rect } from './canvas.js'
import { darker, lighter, mix } from './colour.js'
import type { Drawing } from './drawing.js'

/** Windows glow when it is dark. */
const windowOf = ({ scene, lit }: Parameters<Drawing>[0]): string =>
  scene.time === 'night' || scene.time === 'sunset' ? '#ffdc8c' : lit('#9cc7de')

export const house: Drawing = (stage, colour) => {
  const { lit, random, scene } = stage
  const wall = lit(colour ?? random.pick(['#f1e5cf', '#e9c9a4', '#d8dfe3', '#e8b4a0']))
  const roof = scene.season === 'winter' ? lit('#f4f8fb') : lit(random.pick(['#a8483a', '#6a4a42', '#51606e']))
  const pane = windowOf(stage)
  const window = (x: number): string =>
    rect(x, 64, 15, 14, { fill: pane, stroke: lit('#fbf7ef'), 'stroke-width': 1.8 }) +
    path(`M${x + 7.5} 64v14M${x} 71h15`, { stroke: lit('#fbf7ef'), 'stroke-width': 1.1 })
  return [
    rect(66, 26, 8, 22, { fill: lit('#8f5a48') }),
    path('M70 24q-4 -7 1 -11t0 -11', {
      fill: 'none',
      stroke: '#ffffff',
      'stroke-width': 3,
      opacity: 0.35,
      'stroke-linecap': 'round',
    }),
    rect(16, 54, 68, 46, { fill: wall }),
    rect(16, 54, 68, 6, { fill: darker(wall, 0.28), opacity: 0.6 }),
    rect(60, 54, 24, 46, { fill: darker(wall, 0.2), opacity: 0.35 }),
    polygon(
      [
        [8, 58],
        [50, 24],
        [92, 58],
        [86, 60],
        [50, 31],
        [14, 60],
      ],
      { fill: darker(roof, 0.25) },
    ),
    polygon(
      [
        [10, 56],
        [50, 22],
        [90, 56],
      ],
      { fill: roof },
    ),
    window(22),
    window(63),
    rect(43, 72, 14, 28, { fill: lit('#6f4a33') }),
    circle(54, 87, 1.1, { fill: '#e8c968' }),
    circle(50, 45, 5, { fill: pane, stroke: lit('#fbf7ef'), 'stroke-width': 1.4 }),
  ]
}

export const castle: Drawing = (stage, colour) => {
  const { lit } = stage
  const stone = lit(colour ?? '#a7a2a0')
  const dark = darker(stone, 0.22)
  const pane = windowOf(stage)
  const tower = (x: number, top: number, wide: number): string =>
    [
      rect(x, top, wide, 100 - top, { fill: stone }),
      rect(x + wide * 0.62, top, wide * 0.38, 100 - top, { fill: dark, opacity: 0.5 }),
      path(
        Array.from(
          { length: 4 },
          (_, n) => `M${x - 1 + (n * (wide + 2)) / 4} ${top - 4}h${wide / 6}v5h${-wide / 6}z`,
        ).join(''),
        { fill: stone },
      ),
      rect(x - 1, top, wide + 2, 3, { fill: dark }),
      polygon(
        [
          [x - 2, top - 4],
          [x + wide / 2, top - 22],
          [x + wide + 2, top - 4],
        ],
        { fill: lit('#5a6f9c') },
      ),
      line(
        [
          [x + wide / 2, top - 22],
          [x + wide / 2, top - 29],
        ],
        { stroke: '#3a3a40', 'stroke-width': 0.8 },
      ),
      polygon(
        [
          [x + wide / 2, top - 29],
          [x + wide / 2 + 8, top - 27],
          [x + wide / 2, top - 25],
        ],
        { fill: lit('#c9403f') },
      ),
      path(`M${x + wide / 2 - 2} ${top + 16}v-6q2 -4 4 0v6z`, { fill: pane }),
    ].join('')
  return [
    tower(40, 40, 20),
    rect(16, 66, 68, 34, { fill: stone }),
    path(Array.from({ length: 9 }, (_, n) => `M${16 + n * 7.7} 62h4.5v5h-4.5z`).join(''), { fill: stone }),
    rect(16, 66, 68, 3, { fill: dark }),
    tower(8, 54, 15),
    tower(77, 54, 15),
    path('M41 100v-17q9 -13 18 0v17z', { fill: darker(stone, 0.6) }),
    path('M44 100v-16q6 -9 12 0v16M50 78v22', { fill: 'none', stroke: lit('#7a5637'), 'stroke-width': 1.4 }),
    path('M28 82v-5q2 -3 4 0v5zM68 82v-5q2 -3 4 0v5z', { fill: pane }),
  ]
}

export const church: Drawing = (stage, colour) => {
  const { lit } = stage
  const wall = lit(colour ?? '#f2ede2')
  const roof = lit('#6b5a5a')
  const pane = windowOf(stage)
  return [
    rect(36, 62, 50, 38, { fill: wall }),
    polygon(
      [
        [32, 63],
        [42, 44],
        [80, 44],
        [90, 63],
      ],
      { fill: roof },
    ),
    rect(14, 40, 24, 60, { fill: wall }),
    rect(28, 40, 10, 60, { fill: darker(wall, 0.2), opacity: 0.4 }),
    polygon(
      [
        [11, 41],
        [26, 6],
        [41, 41],
      ],
      { fill: darker(roof, 0.15) },
    ),
    path('M26 -4v11M22.5 -1h7', { stroke: lit('#d9b24a'), 'stroke-width': 1.4 }),
    path('M21 100v-14q5 -8 10 0v14z', { fill: lit('#6f4a33') }),
    path('M23.5 60v-6q2.5 -5 5 0v6zM46 88v-12q3 -6 6 0v12zM60 88v-12q3 -6 6 0v12zM74 88v-12q3 -6 6 0v12z', {
      fill: pane,
    }),
  ]
}

export const lighthouse: Drawing = (stage, colour) => {
  const { lit, scene } = stage
  const stripe = lit(colour ?? '#d23f3a')
  const wall = lit('#f7f3ea')
  const dark = scene.time === 'night' || scene.time === 'sunset' || scene.weather === 'storm' || scene.weather === 'fog'
  const beam = stage.canvas.gradient(
    [
      { colour: '#fff3c0', opacity: 0.75 },
      { colour: '#fff3c0', opacity: 0 },
    ],
    true,
  )
  return [
    path('M20 100q4 -12 18 -10l24 -2q14 -2 20 12z', { fill: lit('#6f6a66') }),
    path('M28 100q6 -8 14 -6l20 0q8 0 10 6z', { fill: lit('#8b8580') }),
    ...(dark
      ? [
          polygon(
            [
              [52, 19],
              [150, -6],
              [150, 40],
              [52, 23],
            ],
            { fill: beam, opacity: 0.8 },
          ),
        ]
      : []),
    polygon(
      [
        [40, 92],
        [43, 30],
        [57, 30],
        [60, 92],
      ],
      { fill: wall },
    ),
    polygon(
      [
        [40.7, 78],
        [41.5, 62],
        [58.5, 62],
        [59.3, 78],
      ],
      { fill: stripe },
    ),
    polygon(
      [
        [42.2, 48],
        [42.9, 34],
        [57.1, 34],
        [57.8, 48],
      ],
      { fill: stripe },
    ),
    polygon(
      [
        [52, 30],
        [57, 30],
        [60, 92],
        [53, 92],
      ],
      { fill: '#1c2030', opacity: 0.16 },
    ),
    rect(39, 27, 22, 4, { rx: 1, fill: lit('#3a3f48') }),
    rect(44, 16, 12, 11, { fill: dark ? '#fff0b0' : lit('#cfe4ee') }),
    path('M44 16v11M50 16v11M56 16v11', { stroke: lit('#3a3f48'), 'stroke-width': 1 }),
    path('M42 16q8 -14 16 0z', { fill: stripe }),
    circle(50, 7, 1.6, { fill: lit('#3a3f48') }),
    rect(47.5, 54, 5, 6, { rx: 2.5, fill: lit('#4a6075') }),
    path('M46 92v-8q4 -5 8 0v8z', { fill: lit('#6f4a33') }),
  ]
}

export const windmill: Drawing = (stage, colour) => {
  const { lit, random } = stage
  const wall = lit(colour ?? '#efe3cc')
  const turn = random.between(0, 90)
  const sail = [
    line(
      [
        [50, 34],
        [50, -4],
      ],
      { stroke: lit('#5f4632'), 'stroke-width': 1.8 },
    ),
    rect(50.5, -4, 9, 31, { fill: lit('#fbf6ea'), opacity: 0.94 }),
    path('M50.5 2h9M50.5 9h9M50.5 16h9M50.5 23h9M55 -4v31', { stroke: lit('#8a6f55'), 'stroke-width': 0.7 }),
  ]
  return [
    polygon(
      [
        [33, 100],
        [40, 38],
        [60, 38],
        [67, 100],
      ],
      { fill: wall },
    ),
    polygon(
      [
        [52, 38],
        [60, 38],
        [67, 100],
        [54, 100],
      ],
      { fill: darker(wall, 0.25), opacity: 0.5 },
    ),
    path('M38 39q12 -18 24 0z', { fill: lit('#7a4438') }),
    rect(36, 68, 28, 2.5, { fill: lit('#6f4a33') }),
    path('M45 100v-12q5 -6 10 0v12z', { fill: lit('#6f4a33') }),
    rect(46, 54, 8, 8, { fill: windowOf(stage) }),
    ...[0, 90, 180, 270].map((angle) => group({ transform: `rotate(${angle + turn} 50 34)` }, ...sail)),
    circle(50, 34, 3, { fill: lit('#4a3628') }),
  ]
}

export const tent: Drawing = (stage, colour) => {
  const { lit, scene } = stage
  const cloth = lit(colour ?? '#e0803a')
  const lamp = scene.time === 'night' || scene.time === 'sunset'
  return [
    polygon(
      [
        [50, 42],
        [96, 98],
        [60, 100],
      ],
      { fill: darker(cloth, 0.28) },
    ),
    polygon(
      [
        [50, 42],
        [4, 100],
        [62, 100],
      ],
      { fill: lamp ? mix(cloth, '#ffe0a0', 0.45) : cloth },
    ),
    polygon(
      [
        [44, 56],
        [26, 100],
        [50, 100],
      ],
      { fill: lamp ? '#ffe9b8' : darker(cloth, 0.62) },
    ),
    line(
      [
        [50, 42],
        [48, 36],
      ],
      { stroke: lit('#5a4636'), 'stroke-width': 1.5 },
    ),
  ]
}

export const campfire: Drawing = ({ canvas, lit }) => {
  const glow = canvas.glow([
    { colour: '#ffb347', opacity: 0.75 },
    { colour: '#ff8a30', opacity: 0.2, at: 0.45 },
    { colour: '#ff8a30', opacity: 0 },
  ])
  return [
    circle(50, 70, 95, { fill: glow }),
    path('M22 98L74 84l3 6L25 104zM78 98L26 84l-3 6l52 14z', { fill: lit('#5a3a24') }),
    path('M50 24q6 16 16 26q12 14 6 32q-6 14 -22 14t-22 -14q-5 -16 6 -28q2 8 6 10q-2 -22 10 -40z', { fill: '#f2702a' }),
    path('M51 46q4 10 9 16q7 10 3 20q-4 9 -13 9t-13 -9q-3 -10 4 -17q2 5 4 6q-1 -13 6 -25z', { fill: '#ffb640' }),
    path('M50 66q8 10 7 17q-2 6 -7 6t-7 -6q-1 -7 7 -17z', { fill: '#fff0b8' }),
  ]
}

export const car: Drawing = ({ lit, random, scene }, colour) => {
  const body = lit(colour ?? random.pick(['#d23f3a', '#2f74c0', '#f2c53a', '#e9e7e2', '#3c8a68']))
  const dark = scene.time === 'night' || scene.time === 'sunset'
  const wheel = (x: number): string =>
    circle(x, 88, 11, { fill: '#1f2126' }) + circle(x, 88, 5, { fill: lit('#b9bfc6') })
  return [
    ellipse(50, 98, 48, 3, { fill: '#0c0f18', opacity: 0.35 }),
    path('M24 66q6 -22 18 -22h18q14 2 22 22z', { fill: darker(body, 0.18) }),
    path('M29 65q5 -16 14 -17h7v17zM53 48h8q9 2 15 17h-23z', { fill: lit('#bfe0ee') }),
    path('M4 86q-2 -18 12 -20h64q16 2 17 14q1 6 -2 7h-88q-3 0 -3 -1z', { fill: body }),
    path('M6 74h90', { stroke: lighter(body, 0.4), 'stroke-width': 1.4, opacity: 0.7 }),
    rect(44, 71, 7, 1.8, { fill: darker(body, 0.4) }),
    ellipse(94, 75, 3, 3.5, { fill: dark ? '#fff6c8' : lit('#f5efcf') }),
    rect(3, 72, 4, 5, { rx: 1, fill: '#d8483c' }),
    wheel(25),
    wheel(76),
  ]
}

export const boat: Drawing = ({ lit, random }, colour) => {
  const hull = lit(colour ?? random.pick(['#b5483a', '#3f5f8a', '#7a5236', '#f0ece2', '#2f7a72']))
  const sail = lit('#faf6ec')
  return [
    rect(49, 8, 2, 74, { fill: lit('#6b4a32') }),
    path('M52 10q30 30 34 62q-17 3 -34 2z', { fill: sail }),
    path('M48 16q-24 26 -30 56q14 3 30 2z', { fill: darker(sail, 0.1) }),
    path('M52 10q14 32 12 64', { fill: 'none', stroke: darker(sail, 0.15), 'stroke-width': 0.8 }),
    polygon(
      [
        [51, 8],
        [62, 4.5],
        [51, 2],
      ],
      { fill: hull },
    ),
    path('M10 80h82q-6 18 -16 20h-50q-12 -2 -16 -20z', { fill: hull }),
    path('M10 80h82l-1.5 4h-79z', { fill: lighter(hull, 0.45) }),
    path('M16 92q34 6 68 0q-3 7 -8 8h-50q-7 -1 -10 -8z', { fill: darker(hull, 0.35), opacity: 0.6 }),
  ]
}
