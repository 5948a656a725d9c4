import { circle, ellipse, group, line, path, rect } from './canvas.js'
import { darker, lighter, mix } from './colour.js'
import type { Drawing } from './drawing.js'
import { firShape } from './terrain.js'

const trunkColour = '#6b4a32'

export const tree: Drawing = ({ random, lit, palette, scene }, colour) => {
  const bark = lit(trunkColour)
  const trunk = [
    path('M46 100q2 -22 1 -44h7q-1 22 2 44z', { fill: bark }),
    path('M50 66L34 46M51 60L68 42M50 58L50 36', {
      stroke: bark,
      'stroke-width': 3,
      fill: 'none',
      'stroke-linecap': 'round',
    }),
  ]
  if (scene.season === 'winter' && colour === undefined) {
    const twigs =
      'M34 46l-10 -6M34 46l-4 -12M68 42l10 -7M68 42l3 -13M50 36l-8 -14M50 36l8 -15M42 22l-5 -7M58 21l4 -9M30 34l-6 -6M71 29l6 -7'
    return [
      ...trunk,
      path(twigs, { stroke: bark, 'stroke-width': 1.6, fill: 'none', 'stroke-linecap': 'round' }),
      path(twigs, { stroke: '#ffffff', 'stroke-width': 0.7, fill: 'none', transform: 'translate(0 -0.8)' }),
    ]
  }
  const blossoms = scene.season === 'spring' && colour === undefined && random.chance(0.4)
  const leaf =
    colour === undefined
      ? mix(
          blossoms ? lit('#f3b6c8') : palette.leaf,
          lit(random.pick(['#ffd060', '#2f6f3f', palette.leaf])),
          random.between(0, 0.22),
        )
      : lit(colour)
  const crown = [
    [50, 30, 24],
    [32, 42, 17],
    [68, 42, 17],
    [40, 22, 15],
    [60, 21, 15],
    [50, 46, 18],
  ] as const
  const leaves = Array.from({ length: 26 }, () => {
    const [angle, far] = [random.next() * Math.PI * 2, Math.sqrt(random.next())]
    const [x, y] = [50 + Math.cos(angle) * far * 33, 33 + Math.sin(angle) * far * 23]
    return circle(x, y, random.between(2.2, 4.8), {
      fill: y < 32 ? lighter(leaf, 0.24) : darker(leaf, 0.16),
      opacity: 0.55,
    })
  })
  return [
    ...trunk,
    ...crown.map(([x, y, r]) => circle(x, y + 3, r, { fill: darker(leaf, 0.24) })),
    ...crown.map(([x, y, r]) => circle(x - 1, y, r - 1, { fill: leaf })),
    ...crown
      .slice(0, 5)
      .map(([x, y, r]) => circle(x - r * 0.25, y - r * 0.28, r * 0.55, { fill: lighter(leaf, 0.14), opacity: 0.6 })),
    ...leaves,
  ]
}

export const pine: Drawing = ({ random, lit, palette, scene }, colour) => {
  const green = colour === undefined ? mix(lit('#2f6b4f'), palette.shade, random.between(0, 0.2)) : lit(colour)
  return [firShape(50, 100, 100, green, scene.season === 'winter' ? lit('#f4f8fb') : lighter(green, 0.12))]
}

export const palm: Drawing = ({ lit, random }, colour) => {
  const leaf = lit(colour ?? '#3f8f4a')
  const lean = random.between(4, 14)
  const [x, y] = [50 + lean, 26]
  const fronds = [
    [-38, 10],
    [-30, -10],
    [-12, -20],
    [14, -20],
    [32, -8],
    [38, 12],
    [-24, 24],
    [26, 26],
  ] as const
  return [
    path(`M46 100Q${46 + lean * 0.2} 60 ${x - 2} ${y}h4Q${54 + lean * 0.4} 60 54 100Z`, { fill: lit('#8a6545') }),
    ...fronds.map(([dx, dy], n) =>
      path(
        `M${x} ${y}Q${x + dx * 0.5} ${y + dy - 12} ${x + dx} ${y + dy + 8}Q${x + dx * 0.55} ${y + dy - 2} ${x} ${y + 3}Z`,
        { fill: n > 5 ? darker(leaf, 0.25) : n % 2 === 0 ? leaf : lighter(leaf, 0.12) },
      ),
    ),
    circle(x - 3, y + 5, 2.6, { fill: lit('#5b3d26') }),
    circle(x + 2, y + 6, 2.6, { fill: lit('#6b482c') }),
  ]
}

export const bush: Drawing = ({ lit, palette, random }, colour) => {
  const leaf = colour === undefined ? palette.leaf : lit(colour)
  const puffs = [
    [30, 80, 18],
    [50, 70, 22],
    [70, 80, 18],
    [42, 84, 16],
    [60, 85, 15],
  ] as const
  return [
    ...puffs.map(([x, y, r]) => circle(x, y, r, { fill: darker(leaf, 0.15) })),
    ...puffs.map(([x, y, r]) => circle(x - 2, y - 3, r * 0.8, { fill: leaf })),
    ...Array.from({ length: 14 }, () =>
      circle(random.between(18, 80), random.between(58, 90), 2.4, { fill: lighter(leaf, 0.25), opacity: 0.6 }),
    ),
  ]
}

export const flower: Drawing = ({ random, lit }, colour) => {
  const petal = lit(colour ?? random.pick(['#e8506a', '#f2c23c', '#f4f0ea', '#b06fd0', '#f08a4a', '#5f8fe0']))
  const bend = random.between(-8, 8)
  const [x, y] = [50 + bend, 34]
  const petals = Array.from({ length: 7 }, (_, n) =>
    ellipse(x, y - 13, 8, 15, {
      fill: n % 2 === 0 ? petal : lighter(petal, 0.14),
      transform: `rotate(${(n * 360) / 7} ${x} ${y})`,
    }),
  )
  return [
    path(`M50 100Q${48 - bend} 66 ${x} ${y}`, { fill: 'none', stroke: lit('#4b8a45'), 'stroke-width': 4 }),
    path('M49 78q-20 -2 -24 -16q18 -1 24 16zM50 86q18 -4 22 -18q-17 1 -22 18z', { fill: lit('#5a9c4f') }),
    ...petals,
    circle(x, y, 8, { fill: lit('#f3b63a') }),
    circle(x, y, 5, { fill: lit('#c9812a'), opacity: 0.7 }),
  ]
}

export const cactus: Drawing = ({ lit }, colour) => {
  const green = lit(colour ?? '#4f8f55')
  const arm = { fill: 'none', stroke: green, 'stroke-width': 10, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }
  return [
    path('M46 62H30V40', arm),
    path('M54 72H71V46', arm),
    rect(42, 10, 16, 90, { rx: 8, fill: green }),
    path('M47 16v82M53 16v82M30 42v18M71 48v20', { stroke: darker(green, 0.25), 'stroke-width': 1.2 }),
    ...[
      [46, 30],
      [54, 44],
      [46, 58],
      [54, 70],
      [46, 84],
    ].map(([x, y]) => path(`M${x} ${y}l-2 -2M${x} ${y}l2 -2`, { stroke: '#f2eecf', 'stroke-width': 0.7 })),
    circle(50, 9, 4, { fill: lit('#e8608a') }),
  ]
}

export const mushroom: Drawing = ({ lit }, colour) => {
  const cap = lit(colour ?? '#cf3b34')
  return [
    path('M41 100q3 -24 1 -44h16q-2 20 1 44z', { fill: lit('#f1e7d3') }),
    path('M40 60q10 8 20 0l4 3q-14 10 -28 0z', { fill: lit('#d9cbb0') }),
    path('M12 60q2 -42 38 -44q36 2 38 44q-38 10 -76 0z', { fill: cap }),
    ...[
      [34, 38, 5.5],
      [54, 28, 6.5],
      [70, 44, 5],
      [48, 50, 4.5],
      [24, 52, 3.5],
    ].map(([x = 0, y = 0, r = 0]) => circle(x, y, r, { fill: lit('#fbf6ea') })),
  ]
}

export const vase: Drawing = (stage, colour) => {
  const { lit, random } = stage
  const glaze = lit(colour ?? random.pick(['#3f6f9b', '#b3543f', '#e3d9c6', '#5a8a78']))
  const stems = [
    [-26, 30],
    [-12, 14],
    [4, 8],
    [18, 18],
    [30, 34],
  ] as const
  return [
    ...stems.map(([dx, y]) =>
      line(
        [
          [50, 62],
          [50 + dx * 0.5, (62 + y) / 2 + 4],
          [50 + dx, y],
        ],
        { stroke: lit('#4f8a4a'), 'stroke-width': 2 },
      ),
    ),
    ...stems.map(([dx, y]) =>
      group({ transform: `translate(${50 + dx - 17} ${y - 12}) scale(0.34)` }, ...flowerHead(stage)),
    ),
    path('M38 58h24l-3 8q13 10 11 22q-2 10 -9 12h-22q-7 -2 -9 -12q-2 -12 11 -22z', { fill: glaze }),
    path('M44 66q-10 10 -8 24q1 5 4 8q-3 -16 8 -31z', { fill: lighter(glaze, 0.5), opacity: 0.6 }),
    ellipse(50, 58, 12, 2.6, { fill: darker(glaze, 0.35) }),
  ]
}

function flowerHead({ random, lit }: Parameters<Drawing>[0]): string[] {
  const petal = lit(random.pick(['#e8607c', '#f4c84a', '#f7f2ea', '#a874cf', '#f2955a']))
  return [
    ...Array.from({ length: 8 }, (_, n) =>
      ellipse(50, 26, 11, 20, {
        fill: n % 2 === 0 ? petal : lighter(petal, 0.18),
        transform: `rotate(${n * 45} 50 42)`,
      }),
    ),
    circle(50, 42, 11, { fill: lit('#e9a53a') }),
  ]
}
