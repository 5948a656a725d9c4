import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { coloursOf } from './colours.js'
import { describeSeen, type Seen } from './description.js'

const seen = (change: Partial<Seen>): string =>
  describeSeen({
    width: 600,
    height: 400,
    objects: [],
    lines: [],
    colours: {
      shares: [
        { name: 'blue', share: 0.6 },
        { name: 'white', share: 0.3 },
        { name: 'red', share: 0.1 },
      ],
      lightness: 0.5,
    },
    ...change,
  })
const object = (label: string, left: number, top: number, width: number, height: number, score = 0.5) => ({
  label,
  score,
  box: { left, top, width, height },
})

describe('a description', () => {
  it('says what was found, where, how sure it is, and counts', () => {
    const objects = [
      object('person', 40, 100, 120, 250, 0.71),
      object('dog', 400, 300, 60, 60, 0.52),
      object('dog', 480, 310, 60, 60, 0.44),
      object('umbrella', 280, 20, 40, 40, 0.4),
    ]
    assert.equal(
      seen({ objects }),
      'A wide picture of 600 × 400 pixels. It shows a person at the left (71 % sure), two dogs (52 % sure at most) and an umbrella small, at the top (40 % sure). It is of middle brightness, mostly blue and white.',
    )
  })

  it('says that nothing was found, and quotes what was read, not all of it', () => {
    assert.match(seen({}), /Nothing that the detector knows and no text was found in it\./)
    assert.match(
      seen({ lines: [{ text: 'No smoking' }, { text: 'here' }] }),
      /Nothing that the detector knows was found in it\. Text in it reads: “No smoking here”/,
    )
    const long = seen({ lines: [{ text: 'x'.repeat(1000) }] })
    assert.ok(long.includes(`${'x'.repeat(400)}…`) && !long.includes('x'.repeat(401)))
  })
})

describe('the colours of a picture', () => {
  it('are named as people name them, by their shares', async () => {
    const named = {
      red: '#d02020',
      green: '#2f8a3a',
      blue: '#2460c8',
      grey: '#808084',
      white: '#fdfdfd',
      black: '#050505',
      brown: '#6b4326',
    }
    for (const [name, background] of Object.entries(named)) {
      const bytes = await sharp({ create: { width: 40, height: 40, channels: 3, background } })
        .png()
        .toBuffer()
      assert.deepEqual((await coloursOf(sharp, bytes)).shares, [{ name, share: 1 }])
    }
    const half = await sharp({ create: { width: 20, height: 40, channels: 3, background: '#ffffff' } })
      .png()
      .toBuffer()
    const bytes = await sharp({ create: { width: 80, height: 40, channels: 3, background: '#2460c8' } })
      .composite([{ input: half, left: 0, top: 0 }])
      .png()
      .toBuffer()
    const { shares, lightness } = await coloursOf(sharp, bytes)
    assert.deepEqual(shares.map(({ name }) => name).slice(0, 2), ['blue', 'white'])
    assert.ok(Math.abs((shares[0]?.share ?? 0) - 0.75) < 0.05 && lightness > 0.5 && lightness < 0.75)
  })
})
