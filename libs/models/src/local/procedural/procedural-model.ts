import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import { setImmediate } from 'node:timers/promises'
import type {
  GeneratedImage,
  GeneratedImages,
  ImageCallOptions,
  ImageEditRequest,
  ImageModel,
  ImageRequest,
} from '../../image-model.js'
import { loadSharp, type Sharp, sharpVersion } from '../../pictures/sharp.js'
import { drawScene } from './draw-scene.js'
import { editPicture } from './edit-picture.js'
import { Random } from './random.js'
import { render } from './render.js'
import { sceneFrom, sceneInWords } from './scene.js'

const smallest = 64
const largest = 2048
const maxPrompt = 4096
const maxSeed = 2 ** 31 - 1

/** Another one whenever the same request may give other bytes: when what is drawn changes, or sharp, which turns the drawing into pixels. */
const drawingVersion = '1'

/** The default where there is no model that paints: a scene that is drawn by rules from the words that it knows (some 400 nouns, places,
 *  times of day, weathers, seasons, colours, numbers), and a composition of forms where it knows none. The same prompt, negative prompt,
 *  size and seed give the same bytes. Each image says in `revisedPrompt` what was made of the words and which were not understood. An edit
 *  changes light, colours and style, and lays figures over the picture; it recognises nothing in it. */
export function proceduralImageModel(): ImageModel {
  return {
    name: 'procedural',
    version: `${drawingVersion}+sharp-${sharpVersion()}`,
    provider: 'local',
    kind: 'procedural',
    isDeterministic: true,
    canEdit: true,
    // An image of 2048 × 2048 pixels is not interrupted while it becomes pixels.
    canStop: false,
    generate: async (request, options) => {
      check(request)
      return eachImage(request, options, async (sharp, random) => {
        const { prompt, negativePrompt = '', width, height } = request
        const scene = sceneFrom(prompt, negativePrompt, random)
        const bytes = await render(sharp, drawScene(scene, width, height, random), width, height, scene.style)
        return { bytes, said: sceneInWords(scene) }
      })
    },
    edit: async (request, options) => {
      check(request)
      return eachImage(request, options, (sharp, random) => {
        const { prompt, negativePrompt = '', width, height, picture, mask } = request
        return editPicture(sharp, picture, mask, { prompt, negativePrompt, width, height, random })
      })
    },
    check: async () => {
      const startedAt = performance.now()
      try {
        await loadSharp()
        return {
          ok: true,
          isLoaded: true,
          detail: 'Scenes are drawn by rules: no model that paints is configured',
          latencyMs: performance.now() - startedAt,
        }
      } catch (error) {
        const failed = asHoldfastError(error, 'Loading sharp')
        return { ok: false, detail: failed.message, latencyMs: performance.now() - startedAt, error: failed }
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

async function eachImage(
  { prompt, negativePrompt = '', width, height, count, seed }: ImageRequest | ImageEditRequest,
  { signal, onImage }: ImageCallOptions = {},
  make: (sharp: Sharp, random: Random) => Promise<{ bytes: Uint8Array; said: string }>,
): Promise<GeneratedImages> {
  const sharp = await loadSharp()
  const images: GeneratedImage[] = []
  const startedAt = performance.now()
  for (let n = 0; n < count; n++) {
    throwIfAborted(signal)
    const random = new Random(JSON.stringify([prompt, negativePrompt, width, height, seed + n]))
    try {
      const { bytes, said } = await make(sharp, random)
      const image: GeneratedImage = { bytes, width, height, seed: seed + n, revisedPrompt: said }
      images.push(image)
      throwIfAborted(signal)
      onImage?.(image)
    } catch (error) {
      throw asHoldfastError(error, 'Drawing an image')
    }
    await setImmediate()
  }
  return { images, usage: { images: images.length, computeMs: Math.round(performance.now() - startedAt) } }
}

function check(request: ImageRequest): void {
  const { prompt, negativePrompt = '', width, height, count, seed } = request
  if (prompt.trim() === '') throw invalidField('prompt', 'must not be empty')
  if (prompt.length > maxPrompt) throw invalidField('prompt', `must have at most ${maxPrompt} characters`)
  if (negativePrompt.length > maxPrompt)
    throw invalidField('negativePrompt', `must have at most ${maxPrompt} characters`)
  whole('width', width, smallest, largest)
  whole('height', height, smallest, largest)
  whole('count', count, 1, 10)
  whole('seed', seed, 0, maxSeed - count + 1)
}

function whole(field: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return
  throw invalidField(field, `must be a whole number from ${low} to ${high}, not ${value}`)
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new HoldfastError('CANCELLED', 'Drawing was cancelled by its caller', { cause: signal.reason })
}
