import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { drawScene } from './draw-scene.js'
import { Random } from './random.js'
import { type Scene, sceneFrom } from './scene.js'
import { places, things } from './vocabulary.js'

const scene = (prompt: string, negative = ''): Scene => sceneFrom(prompt, negative, new Random('1'))
const counted = (prompt: string, negative = ''): string[] =>
  scene(prompt, negative).things.map(({ kind, count }) => `${count} ${kind}`)

describe('the words of a prompt', () => {
  it('say what, how many, in which colour and size', () => {
    const { things: found } = scene('two small red boats, a flock of birds and one huge yellow sunflower')
    assert.deepEqual(
      found.map(({ kind, count, colour, scale }) => [kind, count, colour !== undefined, scale]),
      [
        ['boat', 2, true, 0.7],
        ['bird', 7, false, 1],
        ['flower', 1, true, 1.7],
      ],
    )
    assert.deepEqual(counted('a sheep'), ['1 sheep'])
    assert.deepEqual(counted('sheep'), ['3 sheep'])
    assert.deepEqual(counted('12 trees'), ['12 tree'])
    assert.deepEqual(counted('three children with kites'), ['3 person', '3 kite'])
  })

  it('say where, when and in which weather', () => {
    const found = (prompt: string): string => {
      const { place, time, weather, season, style } = scene(prompt)
      return [place, time, weather, season, style].join(' ')
    }
    assert.equal(found('a foggy forest at dawn in autumn'), 'forest dawn fog autumn plain')
    assert.equal(found('a stormy sea at midnight, watercolor'), 'sea night storm summer watercolour')
    assert.equal(found('snowy mountains by a lake at golden hour'), 'lake sunset clear winter plain')
    assert.equal(found('black and white city in the rain, midday'), 'city day rain summer monochrome')
  })

  it('say where things stand when they name no place', () => {
    assert.equal(scene('a sailboat').place, 'sea')
    assert.equal(scene('a cup of coffee').place, 'table')
    assert.equal(scene('saturn').place, 'space')
    assert.equal(scene('goldfish').place, 'underwater')
    assert.equal(scene('jurisprudence').place, 'abstract')
  })

  it('colour parts of the scene, or all of it', () => {
    const { colours, tint } = scene('a purple sky over pink mountains')
    assert.deepEqual([colours.sky, colours.mountains, tint], ['#7a3fa8', '#ee86ae', undefined])
    assert.equal(scene('a city in blue').tint, '#2f6fd0')
  })

  it('take away what is negated, in the prompt and in the negative prompt', () => {
    assert.deepEqual(counted('a lake with a boat without birds or trees, with a house'), ['1 boat', '1 house'])
    assert.deepEqual(counted('a cat and a dog', 'dogs'), ['1 cat'])
    assert.ok(scene('hills', 'clouds, trees').absent.has('cloud'))
    assert.notEqual(scene('hills', 'day, sunset').time, 'day')
    assert.equal(scene('a rainy city', 'rain').weather, 'clear')
    assert.notEqual(scene('a beach with a palm tree', 'beach').place, undefined)
  })

  it('draw less where something must not be there', () => {
    const draw = (negative: string): string => {
      const random = new Random('drawn')
      return drawScene(sceneFrom('hills by day', negative, random), 320, 240, random)
    }
    const [all, none] = [draw(''), draw('trees, clouds, birds, flowers, sun')]
    assert.ok(none.length < all.length / 1.5, `${none.length} of ${all.length}`)
  })

  it('can be any that it knows: each thing and each place is drawn, whole numbers and no NaN', () => {
    for (const word of [...things.keys(), ...places.keys()]) {
      const random = new Random(word)
      const found = sceneFrom(`three ${word.replaceAll('-', ' ')}`, '', random)
      const svg = drawScene(found, 96, 72, random)
      assert.ok(svg.startsWith('<svg ') && svg.endsWith('</svg>'), word)
      assert.ok(!/NaN|undefined|Infinity/.test(svg), word)
      assert.ok(!svg.includes('<text') && !svg.includes('href'), word)
    }
  })
})
