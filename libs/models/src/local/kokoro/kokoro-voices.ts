import type { Voice } from '../../speech-model.js'

const american = {
  woman: ['heart', 'alloy', 'aoede', 'bella', 'jessica', 'kore', 'nicole', 'nova', 'river', 'sarah', 'sky'],
  man: ['adam', 'echo', 'eric', 'fenrir', 'liam', 'michael', 'onyx', 'puck', 'santa'],
}
const british = { woman: ['alice', 'emma', 'isabella', 'lily'], man: ['daniel', 'fable', 'george', 'lewis'] }

/** Those of English; the British ones say their words as the American dictionary has them. */
export const kokoroVoices: readonly Voice[] = [
  ...voicesOf('a', 'American', 'en-US', american),
  ...voicesOf('b', 'British', 'en-GB', british),
]

function voicesOf(
  initial: string,
  origin: string,
  language: string,
  names: Readonly<Record<'woman' | 'man', readonly string[]>>,
): Voice[] {
  return (['woman', 'man'] as const).flatMap((who) =>
    names[who].map((name) => {
      const id = `${initial}${who === 'woman' ? 'f' : 'm'}_${name}`
      return {
        id,
        name: `${name.charAt(0).toUpperCase()}${name.slice(1)}, ${origin} ${who}`,
        language,
        isDefault: id === 'af_heart',
      }
    }),
  )
}
