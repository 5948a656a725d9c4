import { type Colour, mix } from './colour.js'
import type { Scene } from './scene.js'
import type { Season, Time } from './vocabulary.js'

/** The colours of a scene, by its time, season, weather and what the prompt says. */
export interface Palette {
  /** From the top to the horizon. */
  readonly sky: readonly [Colour, Colour, Colour]
  /** What distance fades into. */
  readonly haze: Colour
  /** Of the sun or the moon, and of what they fall on. */
  readonly light: Colour
  readonly cloud: Colour
  readonly grass: Colour
  readonly leaf: Colour
  readonly rock: Colour
  readonly sand: Colour
  readonly water: Colour
  /** What shadows are mixed with. */
  readonly shade: Colour
  /** 0 night to 1 noon: how much of its own colour a thing shows. */
  readonly daylight: number
}

const skies: Readonly<
  Record<
    Time,
    { sky: readonly [Colour, Colour, Colour]; light: Colour; shade: Colour; daylight: number; cloud: Colour }
  >
> = {
  dawn: {
    sky: ['#5f7fc4', '#e3b2bd', '#fde3b8'],
    light: '#fff1cf',
    shade: '#4a4a78',
    daylight: 0.82,
    cloud: '#fbe3dc',
  },
  day: { sky: ['#2f83d6', '#7fc0f0', '#dff1fa'], light: '#fffbe8', shade: '#2b4a6e', daylight: 1, cloud: '#ffffff' },
  sunset: {
    sky: ['#35306b', '#c2557a', '#fdb35e'],
    light: '#ffe3a0',
    shade: '#33244f',
    daylight: 0.66,
    cloud: '#f08a78',
  },
  night: {
    sky: ['#060a1f', '#14224f', '#35508a'],
    light: '#f6f2da',
    shade: '#070b1e',
    daylight: 0.34,
    cloud: '#3b4a78',
  },
}

const grounds: Readonly<Record<Season, { grass: Colour; leaf: Colour }>> = {
  spring: { grass: '#86c25a', leaf: '#8ec765' },
  summer: { grass: '#5fa650', leaf: '#3f8b48' },
  autumn: { grass: '#b59a4f', leaf: '#d9752f' },
  winter: { grass: '#eef3f8', leaf: '#dfe9f0' },
}

export function paletteOf(scene: Scene): Palette {
  const { time, weather, season, colours, tint } = scene
  const { sky, light, shade, daylight, cloud } = skies[time]
  const grey = time === 'night' ? '#1b2233' : '#a4afba'
  const dull = { clear: 0, cloudy: 0.45, rain: 0.62, snow: 0.5, fog: 0.6, storm: 0.72 }[weather]
  const dark = weather === 'storm' ? 0.42 : weather === 'rain' ? 0.15 : 0
  const weathered = (colour: Colour): Colour => mix(mix(colour, grey, dull), '#1a2030', dark)
  const tinted = (colour: Colour, part: number): Colour => (tint === undefined ? colour : mix(colour, tint, part))
  const wanted = colours.sky
  const skyNow = (wanted === undefined ? sky : skyOf(wanted, time)).map((colour) => tinted(weathered(colour), 0.5)) as [
    Colour,
    Colour,
    Colour,
  ]
  const haze = mix(skyNow[2], skyNow[1], 0.25)
  // What lies on the ground takes the colour of the light that there is.
  const lit = (colour: Colour): Colour =>
    tinted(mix(mix(colour, skyNow[1], 0.1), shade, 0.62 * (1 - daylight) + dark * 0.5), 0.35)
  const { grass, leaf } = grounds[season]
  return {
    sky: skyNow,
    haze,
    light: tinted(light, 0.2),
    cloud: tinted(mix(weathered(cloud), grey, dull * 0.4), 0.3),
    grass: lit(colours.land ?? grass),
    leaf: lit(colours.leaves ?? leaf),
    rock: lit(colours.mountains ?? (season === 'winter' ? '#8fa0b8' : '#75809a')),
    sand: lit(colours.land ?? '#e8c98f'),
    water: tinted(mix(mix('#2a7fa8', skyNow[1], 0.45), shade, 0.5 * (1 - daylight) + dark * 0.4), 0.35),
    ...(colours.water === undefined ? {} : { water: lit(colours.water) }),
    shade,
    // Out there the sun shines at night too.
    daylight: scene.place === 'space' ? 0.9 : daylight * (1 - dark * 0.5),
  }
}

function skyOf(colour: Colour, time: Time): readonly [Colour, Colour, Colour] {
  const [top, , low] = skies[time].sky
  return [mix(colour, top, time === 'night' ? 0.6 : 0.3), colour, mix(colour, low, 0.65)]
}
