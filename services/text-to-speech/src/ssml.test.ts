import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseSsml } from './ssml.js'

/** Texts with their rates if they are not 1, pauses as numbers. */
function plain(ssml: string): unknown[] {
  return parseSsml(ssml).map((one) => {
    if (one.type === 'pause') return one.ms
    const text = one.text.replaceAll(/\s+/g, ' ').trim()
    return one.rate === 1 ? text : [text, one.rate]
  })
}

describe('parseSsml', () => {
  for (const [ssml, expected] of [
    ['<speak>Hello</speak>', ['Hello']],
    ['<speak>One<break time="500ms"/>two<break time="1.5s"/> three</speak>', ['One', 500, 'two', 1_500, 'three']],
    ['<speak>One<break/>two<break strength="none"/> three</speak>', ['One', 400, 'two three']],
    ['<speak><p><s>One.</s><s>Two.</s></p><p>Three.</p></speak>', ['One.', 200, 'Two.', 200, 600, 'Three.', 600]],
    [
      '<speak>The <sub alias="World Wide Web Consortium">W3C</sub> says</speak>',
      ['The World Wide Web Consortium says'],
    ],
    [
      '<speak>A<prosody rate="slow">B<prosody rate="200%">C</prosody></prosody>D</speak>',
      ['A', ['B', 0.75], ['C', 1.5], 'D'],
    ],
    ['<speak>My <say-as interpret-as="characters">pin</say-as></speak>', ['My P I N']],
    ['<speak>Call <say-as interpret-as="telephone">555-0199</say-as></speak>', ['Call 5 5 5 0 1 9 9']],
    ['<speak>The <say-as interpret-as="ordinal">22</say-as></speak>', ['The 22nd']],
    [
      '<?xml version="1.0"?><!-- x --><speak version="1.1" xml:lang="en">a &amp; b &#233; <![CDATA[<c>]]></speak>',
      ['a & b é <c>'],
    ],
    ['  <speak>\n padded \n</speak>  ', ['padded']],
  ] as const) {
    it(`reads ${ssml}`, () => assert.deepEqual(plain(ssml), expected))
  }

  for (const [ssml, words] of [
    ['Hello', /text outside of <speak>/],
    ['', /does not begin with <speak>/],
    ['<p>Hello</p>', /does not begin with <speak>/],
    [
      '<speak>Hi <audio src="http://x"/></speak>',
      /<audio>, which is not understood: known are speak, p, s.*at character 11/,
    ],
    ['<speak>Hi <voice name="x">you</voice></speak>', /<voice>, which is not understood/],
    ['<speak>Hi', /does not close <speak>/],
    ['<speak><p>Hi</speak></p>', /closes <speak>, but <p> is open/],
    ['<speak>Hi</speak><speak>you</speak>', /behind <\/speak>/],
    ['<speak><speak>Hi</speak></speak>', /<speak> within another/],
    ['<speak>1 < 2</speak>', /a < that begins no element: write &lt;/],
    ['<speak>you & me</speak>', /no known entity: write &amp;/],
    ['<speak>&xxe;</speak>', /no known entity/],
    ['<!DOCTYPE x [<!ENTITY y "z">]><speak>a</speak>', /./],
    ['<speak>Hi<break time="11s"/></speak>', /a <break> of 11s: up to 10s/],
    ['<speak>Hi<break time="soon"/></speak>', /a <break> of soon/],
    ['<speak>Hi<break strength="epic"/></speak>', /strength epic/],
    ['<speak><prosody rate="warp">Hi</prosody></speak>', /the rate warp/],
    ['<speak><sub>Hi</sub></speak>', /<sub> without its alias/],
    ['<speak><say-as interpret-as="song">Hi</say-as></speak>', /interprets as "song"/],
  ] as const) {
    it(`refuses ${ssml}`, () => {
      assert.throws(
        () => parseSsml(ssml),
        (error) => {
          assert.ok(error instanceof HoldfastError)
          assert.equal(error.code, 'INVALID_ARGUMENT')
          assert.equal(error.fields[0]?.field, 'ssml')
          assert.match(error.message, words)
          return true
        },
      )
    })
  }

  it('answers anything with utterances or INVALID_ARGUMENT, and soon', () => {
    const part = fc.constantFrom(
      '<speak>',
      '</speak>',
      '<p>',
      '</p>',
      '<break time="1s"/>',
      '<s',
      '>',
      '&',
      'a',
      ' ',
      '"',
      '<!--',
    )
    const at = performance.now()
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        try {
          parseSsml(parts.join(''))
        } catch (error) {
          assert.ok(error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT', String(error))
        }
      }),
      { numRuns: 300 },
    )
    for (const part of ['<!--', '<p ', '<a b="', '&', '<speak>', '<![CDATA[']) {
      assert.throws(() => parseSsml(part.repeat(100_000 / part.length)))
    }
    assert.ok(performance.now() - at < 20_000)
  })
})
