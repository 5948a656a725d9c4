import { circle, ellipse, group, line, path, polygon, rect } from './canvas.js'
import { type Colour, darker, lighter } from './colour.js'
import type { Drawing } from './drawing.js'

const skins = ['#f1c9a5', '#d9a066', '#a86b43', '#6e4630', '#f6d7bd'] as const

// Each in a square of 100 × 100, its feet at the lower edge, looking to the right.

export const person: Drawing = ({ random, lit }, colour) => {
  const coat = lit(colour ?? random.pick(['#c8453c', '#2f6fb0', '#e0a72e', '#3d7d5a', '#7a4a8f', '#d8763c']))
  const skin = lit(random.pick(skins))
  const hair = lit(random.pick(['#2b211d', '#5b3a22', '#8a5a2b', '#3a3a40', '#c79a4b']))
  const trousers = lit(random.pick(['#2f3a55', '#4a4038', '#39424a']))
  return [
    path('M45 66L42.5 97h6L50.5 72L52.5 97h6L56 66Z', { fill: trousers }),
    path('M41 97q4 -2.5 8.5 0v3h-9zM52 97q4 -2.5 8.5 0v3h-8.5z', { fill: darker(trousers, 0.5) }),
    path('M50.5 30c-7 0 -9.5 4 -10.5 12l-2.5 27c4 2.5 22 2.5 26 0l-2.5 -27c-1 -8 -3.5 -12 -10.5 -12z', { fill: coat }),
    path('M41.5 38q-5.5 9 -5 24l3.5 0.3q0.5 -12 4 -18zM59.5 38q5.5 9 5 24l-3.5 0.3q-0.5 -12 -4 -18z', {
      fill: darker(coat, 0.18),
    }),
    circle(38.2, 64, 2.4, { fill: skin }),
    circle(62.8, 64, 2.4, { fill: skin }),
    rect(48, 25, 5, 7, { fill: skin }),
    ellipse(50.5, 18.5, 7, 8.3, { fill: skin }),
    path('M43 19c-1 -9 3 -13 8 -13s9 4 7.5 12c-2 -5 -5 -7 -8 -6.5c-4 0.5 -6.5 3 -7.5 7.5z', { fill: hair }),
    path('M43.5 33q7 4 14 0l-0.8 4q-6.5 3 -12.5 0z', { fill: lighter(coat, 0.35) }),
  ]
}

export const cat: Drawing = ({ random, lit }, colour) => {
  const fur = lit(colour ?? random.pick(['#d98a3d', '#5a5560', '#e9e1d3', '#2f2c33', '#b0a090']))
  const dark = darker(fur, 0.3)
  return [
    line(
      [
        [66, 90],
        [80, 92],
        [88, 82],
        [86, 68],
        [91, 60],
      ],
      { stroke: fur, 'stroke-width': 7 },
    ),
    path('M30 100c-4 -26 6 -46 20 -48c15 2 26 22 21 48z', { fill: fur }),
    path('M42 100c-1 -14 3 -24 8 -26c5 2 9 12 8 26z', { fill: lighter(fur, 0.3) }),
    ellipse(40, 97, 7, 4, { fill: lighter(fur, 0.12) }),
    ellipse(60, 97, 7, 4, { fill: lighter(fur, 0.12) }),
    polygon(
      [
        [34, 36],
        [34, 12],
        [48, 26],
      ],
      { fill: fur },
    ),
    polygon(
      [
        [66, 36],
        [66, 12],
        [52, 26],
      ],
      { fill: fur },
    ),
    polygon(
      [
        [36.5, 30],
        [36.5, 18],
        [44, 26],
      ],
      { fill: '#e3a196' },
    ),
    polygon(
      [
        [63.5, 30],
        [63.5, 18],
        [56, 26],
      ],
      { fill: '#e3a196' },
    ),
    ellipse(50, 39, 18.5, 16, { fill: fur }),
    path('M46 25l1.5 7h-2zM50 23.5l1.5 8h-3zM54 25l0.5 7h-2z', { fill: dark, opacity: 0.8 }),
    ellipse(43, 38, 3.6, 4.2, { fill: '#b9cf5a' }),
    ellipse(57, 38, 3.6, 4.2, { fill: '#b9cf5a' }),
    ellipse(43, 38, 1.3, 3.8, { fill: '#1c1c20' }),
    ellipse(57, 38, 1.3, 3.8, { fill: '#1c1c20' }),
    circle(44, 36.5, 0.8, { fill: '#ffffff' }),
    circle(58, 36.5, 0.8, { fill: '#ffffff' }),
    ellipse(50, 47, 7, 4.6, { fill: lighter(fur, 0.4) }),
    polygon(
      [
        [48, 44.5],
        [52, 44.5],
        [50, 47],
      ],
      { fill: '#c8665e' },
    ),
    path('M50 47v2M50 49q-3 2.5 -5 0.5M50 49q3 2.5 5 0.5M37 45l-13 -2M37 47.5l-12 2M63 45l13 -2M63 47.5l12 2', {
      fill: 'none',
      stroke: '#3a3035',
      'stroke-width': 0.7,
      'stroke-linecap': 'round',
    }),
  ]
}

export const dog: Drawing = ({ random, lit }, colour) => {
  const fur = lit(colour ?? random.pick(['#b8793f', '#8a5a34', '#e6d3b0', '#3d3a3c', '#d9a95f']))
  const dark = darker(fur, 0.32)
  return [
    path('M22 66q-14 -6 -12 -24q2 -3 4 0q0 12 12 16z', { fill: fur }),
    path('M22 62h9l-1 38h-8zM34 66h8v34h-7z', { fill: dark }),
    path('M60 62h8v38h-7zM70 60h8l0 40h-7z', { fill: fur }),
    path('M18 68c-1 -14 10 -18 24 -18c14 0 24 -3 32 -6l8 22c-4 12 -20 14 -34 13c-14 0 -26 2 -30 -11z', { fill: fur }),
    path('M66 50l6 -22l16 4l-4 26z', { fill: fur }),
    path('M67 46l19 5l-1 5l-19 -5z', { fill: lit('#c23b3b') }),
    ellipse(79, 27, 12.5, 11.5, { fill: fur }),
    path('M84 26q13 0 15 5q0 6 -6 6l-12 -1z', { fill: lighter(fur, 0.22) }),
    ellipse(97, 29.5, 3.2, 2.6, { fill: '#241d1e' }),
    path('M70 18q-9 2 -9 17q0 8 5 7q6 -3 8 -17z', { fill: dark }),
    circle(83, 23.5, 1.9, { fill: '#241d1e' }),
    circle(83.6, 22.9, 0.6, { fill: '#ffffff' }),
    path('M88 36.5q4 2 7 0', { fill: 'none', stroke: '#3a2a28', 'stroke-width': 0.9 }),
  ]
}

export const rabbit: Drawing = ({ random, lit }, colour) => {
  const fur = lit(colour ?? random.pick(['#e8e2da', '#a98f78', '#8d8580']))
  return [
    circle(28, 82, 8, { fill: lighter(fur, 0.45) }),
    path('M28 100c-4 -26 8 -40 24 -40c16 0 24 16 22 40z', { fill: fur }),
    ellipse(44, 96, 13, 5, { fill: darker(fur, 0.12) }),
    ellipse(62, 42, 5.5, 20, { fill: fur, transform: 'rotate(-14 62 42)' }),
    ellipse(72, 42, 5.5, 20, { fill: fur, transform: 'rotate(10 72 42)' }),
    ellipse(72, 43, 2.6, 15, { fill: '#e3a9a0', transform: 'rotate(10 72 43)' }),
    ellipse(69, 66, 15, 13.5, { fill: fur }),
    circle(74, 63, 2.1, { fill: '#2a2024' }),
    circle(74.7, 62.3, 0.7, { fill: '#ffffff' }),
    ellipse(83, 67, 1.9, 1.5, { fill: '#c8766e' }),
    ellipse(68, 97, 8, 4, { fill: lighter(fur, 0.2) }),
  ]
}

export const sheep: Drawing = ({ lit }, colour) => {
  const wool = lit(colour ?? '#f3efe6')
  const face = lit('#3b3436')
  const curls = [
    [30, 52],
    [42, 44],
    [56, 43],
    [69, 49],
    [75, 60],
    [66, 70],
    [52, 73],
    [37, 71],
    [26, 62],
  ] as const
  return [
    path('M34 72h6v28h-6zM44 74h5v26h-5zM58 74h5v26h-5zM66 72h6v28h-6z', { fill: face }),
    ...curls.map(([x, y], n) => circle(x, y, 13, { fill: n > 4 && n < 8 ? darker(wool, 0.1) : wool })),
    ellipse(51, 58, 27, 18, { fill: wool }),
    ellipse(83, 52, 8.5, 11, { fill: face, transform: 'rotate(-12 83 52)' }),
    path('M76 44q-9 0 -11 5q6 4 11 0z', { fill: face }),
    circle(85, 49, 1.3, { fill: '#ffffff' }),
    circle(78, 41, 6.5, { fill: wool }),
    circle(84, 39.5, 5.5, { fill: wool }),
  ]
}

export const bird: Drawing = ({ random, lit }, colour) => {
  const feathers = lit(colour ?? random.pick(['#3a4254', '#f1f1ee', '#4a3a34']))
  const up = random.between(14, 34)
  return [
    path(`M50 58C40 ${50 - up * 0.3} 26 ${44 - up} 2 ${58 - up}C18 ${56 - up * 0.6} 30 ${62 - up * 0.2} 47 66Z`, {
      fill: darker(feathers, 0.15),
    }),
    path(`M50 58C60 ${50 - up * 0.3} 74 ${44 - up} 98 ${58 - up}C82 ${56 - up * 0.6} 70 ${62 - up * 0.2} 53 66Z`, {
      fill: feathers,
    }),
    path('M36 66q10 -8 20 -7q10 0 14 5q-4 5 -14 6q-10 0 -24 4q-4 -3 4 -8z', { fill: feathers }),
    polygon(
      [
        [70, 63],
        [77, 65],
        [70, 66.5],
      ],
      { fill: lit('#e8a23a') },
    ),
  ]
}

export const fish: Drawing = ({ random, lit }, colour) => {
  const scales = lit(colour ?? random.pick(['#f28a3a', '#f0c63c', '#4aa3d8', '#d8506a', '#6fbf8a']))
  return [
    path('M24 50L4 34q5 16 0 32z', { fill: darker(scales, 0.18) }),
    path('M40 34q14 -16 30 -6l-8 10zM44 66q8 12 18 8l-4 -12z', { fill: darker(scales, 0.14) }),
    path('M20 50q22 -26 54 -17q18 7 22 17q-4 10 -22 17q-32 9 -54 -17z', { fill: scales }),
    path('M40 50q20 12 50 4q-4 7 -16 12q-22 6 -40 -7z', { fill: lighter(scales, 0.35), opacity: 0.7 }),
    path('M62 34q-7 16 0 32l5 -1.5q-6 -15 0 -29z', { fill: lighter(scales, 0.55), opacity: 0.85 }),
    circle(81, 45, 4.6, { fill: '#ffffff' }),
    circle(82, 45, 2.5, { fill: '#16181d' }),
    path('M94 53q-5 3 -8 1', { fill: 'none', stroke: darker(scales, 0.5), 'stroke-width': 1.2 }),
  ]
}

export const whale: Drawing = ({ lit }, colour) => {
  const skin = lit(colour ?? '#3f6285')
  return [
    path('M70 52q-2 -16 -12 -20M71 52q1 -18 12 -22', {
      fill: 'none',
      stroke: '#dff2fb',
      'stroke-width': 2.6,
      'stroke-linecap': 'round',
      opacity: 0.9,
    }),
    path('M2 56q6 2 10 10q2 -9 9 -12q0 14 -6 20q10 8 24 8v18h-4q-22 -4 -26 -24q-8 -6 -7 -20z', { fill: skin }),
    path('M24 100q2 -46 44 -46q28 2 30 34q0 8 -2 12z', { fill: skin }),
    path('M46 100q6 -14 50 -9q1 5 0 9z', { fill: lighter(skin, 0.55) }),
    path('M56 100q3 -7 8 -8M66 100q2 -7 6 -8.5M76 100q2 -6 5 -8', {
      fill: 'none',
      stroke: darker(skin, 0.1),
      'stroke-width': 1.1,
    }),
    circle(84, 79, 2, { fill: '#10151c' }),
    circle(84.6, 78.4, 0.7, { fill: '#ffffff' }),
  ]
}

export const butterfly: Drawing = ({ random, lit }, colour) => {
  const wing = lit(colour ?? random.pick(['#f2a33a', '#5f9be0', '#d86aa8', '#f4e07a']))
  const half = [
    path('M50 48C60 16 92 14 94 34C94 52 66 56 50 52Z', { fill: wing }),
    path('M50 54C66 56 84 66 78 80C70 92 54 76 50 58Z', { fill: darker(wing, 0.14) }),
    circle(82, 34, 5, { fill: lighter(wing, 0.6) }),
    circle(70, 74, 3.4, { fill: lighter(wing, 0.6) }),
  ]
  return [
    group({}, ...half),
    group({ transform: 'translate(100 0) scale(-1 1)' }, ...half),
    ellipse(50, 56, 2.6, 16, { fill: '#2a2226' }),
    path('M49.5 42q-3 -10 -9 -13M50.5 42q3 -10 9 -13', { fill: 'none', stroke: '#2a2226', 'stroke-width': 1.2 }),
  ]
}

export const snowman: Drawing = ({ lit }, colour) => {
  const snow = lit(colour ?? '#f7fafc')
  const shade: Colour = darker(snow, 0.12)
  return [
    circle(50, 80, 20, { fill: snow }),
    path('M36 66a20 20 0 0 0 26 30a20 20 0 0 1 -26 -30z', { fill: shade, opacity: 0.6 }),
    circle(50, 52, 15, { fill: snow }),
    circle(50, 30, 11, { fill: snow }),
    path('M36 50L18 38M18 38l-5 1M18 38l1 -6M64 50L82 36M82 36l5 0M82 36l-1 -6', {
      stroke: lit('#5a3d28'),
      'stroke-width': 2,
      'stroke-linecap': 'round',
      fill: 'none',
    }),
    path('M39 38q11 7 22 0l1 4.5q-11 7 -24 0zM57 42l5 12l4 -2l-4 -11z', { fill: lit('#c93a3a') }),
    rect(38, 19, 24, 3, { fill: '#22252c' }),
    rect(42, 6, 16, 14, { fill: '#22252c' }),
    circle(46, 28, 1.5, { fill: '#1c1e24' }),
    circle(54, 28, 1.5, { fill: '#1c1e24' }),
    polygon(
      [
        [50, 31],
        [62, 33.5],
        [50, 34],
      ],
      { fill: lit('#ee8a2f') },
    ),
    circle(50, 48, 1.4, { fill: '#1c1e24' }),
    circle(50, 54, 1.4, { fill: '#1c1e24' }),
    circle(50, 60, 1.4, { fill: '#1c1e24' }),
  ]
}

export const robot: Drawing = ({ lit }, colour) => {
  const metal = lit(colour ?? '#9db4c4')
  const dark = darker(metal, 0.35)
  return [
    rect(37, 78, 9, 18, { fill: dark }),
    rect(54, 78, 9, 18, { fill: dark }),
    rect(33, 94, 15, 6, { rx: 2, fill: metal }),
    rect(52, 94, 15, 6, { rx: 2, fill: metal }),
    path('M27 50q-9 4 -8 22M73 50q9 4 8 22', {
      fill: 'none',
      stroke: dark,
      'stroke-width': 5,
      'stroke-linecap': 'round',
    }),
    circle(19, 74, 4.5, { fill: metal }),
    circle(81, 74, 4.5, { fill: metal }),
    rect(28, 44, 44, 36, { rx: 6, fill: metal }),
    rect(36, 52, 28, 14, { rx: 3, fill: '#1f2c3a' }),
    path('M39 60h5l2 -5l3 9l3 -6h9', { fill: 'none', stroke: '#6ff0c8', 'stroke-width': 1.3 }),
    rect(46, 38, 8, 7, { fill: dark }),
    rect(30, 12, 40, 28, { rx: 8, fill: metal }),
    rect(35, 18, 30, 14, { rx: 6, fill: '#1f2c3a' }),
    circle(43, 25, 3.4, { fill: '#7df3ff' }),
    circle(57, 25, 3.4, { fill: '#7df3ff' }),
    rect(49, 3, 2, 9, { fill: dark }),
    circle(50, 3, 3, { fill: lit('#e8534a') }),
  ]
}

export const astronaut: Drawing = ({ lit }, colour) => {
  const suit = lit(colour ?? '#f1f2f5')
  const dark = darker(suit, 0.2)
  return [
    rect(34, 34, 32, 32, { rx: 7, fill: darker(suit, 0.4) }),
    path('M38 62l-4 30q0 5 6 5h7l3 -26l3 26h7q6 0 6 -5l-4 -30z', { fill: suit }),
    path('M33 90h15l-1 9h-14q-4 -3 0 -9zM67 90h-15l1 9h14q4 -3 0 -9z', { fill: lit('#5a6270') }),
    path('M36 40q-14 6 -17 24q3 4 8 2q4 -12 13 -15zM64 40q14 4 20 -12q-1 -5 -7 -4q-5 9 -15 9z', { fill: dark }),
    circle(22.5, 67, 4.5, { fill: lit('#d8733a') }),
    circle(81, 25, 4.5, { fill: lit('#d8733a') }),
    path('M36 38q14 -8 28 0l2 26q-16 7 -32 0z', { fill: suit }),
    rect(42, 48, 16, 10, { rx: 2, fill: lit('#c4cad4') }),
    circle(46, 53, 1.7, { fill: '#e0483f' }),
    circle(50.5, 53, 1.7, { fill: '#4fb06a' }),
    circle(55, 53, 1.7, { fill: '#3f86d0' }),
    circle(50, 21, 17, { fill: suit }),
    path('M37 22q0 -12 13 -12t13 12q-1 10 -13 10t-13 -10z', { fill: lit('#2b3a55') }),
    path('M40 20q1 -7 9 -7.500q-5 3 -6 9.500z', { fill: '#ffffff', opacity: 0.7 }),
  ]
}
