import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { loadSharp } from '../../pictures/sharp.js'
import { fromPackage } from '../host/missing-package.js'
import { type ServedCall, serveModel } from '../host/serve-model.js'
import { decodeLine } from './decode-line.js'
import { lineHeight, linePixels, type Pixels } from './line-pixels.js'
import { ocrFiles, ocrPackages } from './ocr-files.js'
import { inReadingOrder, median, type ReadLine } from './reading-order.js'
import { type TextRegion, textRegions } from './text-regions.js'

export interface OcrRequest {
  readonly bytes: Uint8Array
  readonly width: number
  readonly height: number
}

export interface OcrResult {
  /** In reading order. */
  readonly lines: readonly Omit<ReadLine, 'level'>[]
  readonly computeMs: number
}

/** Text is looked for in the picture with its longer side within these; smaller ones are enlarged, at most threefold. */
const searchSides = { least: 960, most: 1_280 }
/** Lines are read from the picture with its longer side at most this long. */
const readSide = 2_560
/** What the model is less sure of is taken for no text (PaddleOCR's drop_score); of short pieces more is asked, since patterns of all kinds
 *  look like a few characters. */
const leastScore = (text: string): number => (text.length <= 3 ? 0.75 : 0.5)
/** Width and height for the search are multiples of this. */
const stride = 32

// Mean and deviation of ImageNet; PaddleOCR takes them in this order for blue, green and red.
const means = [0.485, 0.456, 0.406] as const
const deviations = [0.229, 0.224, 0.225] as const

serveModel(async () => {
  const files = await ocrFiles()
  const runtime = await fromPackage('pp-ocr', ocrPackages, () => import('onnxruntime-node'))
  const sharp = await loadSharp()
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: Math.min(4, availableParallelism()),
    // Threads that wait for work in a loop take the cores from those who have some.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  }
  const [detection, recognition, keys] = await Promise.all([
    runtime.InferenceSession.create(files.detection, options),
    runtime.InferenceSession.create(files.recognition, options),
    readFile(files.characters, 'utf8'),
  ])
  const characters = [...keys.replace(/\r?\n$/, '').split(/\r?\n/), ' ']

  return { run }

  async function run({ bytes, width, height }: OcrRequest, { breathe }: ServedCall<never>): Promise<OcrResult> {
    const startedAt = performance.now()
    const long = Math.max(width, height)
    const searchScale = Math.min(3, Math.max(searchSides.least / long, Math.min(1, searchSides.most / long)))
    const readScale = Math.max(searchScale, Math.min(1, readSide / long))
    const picture = await pixelsOf(
      bytes,
      Math.max(1, Math.round(width * readScale)),
      Math.max(1, Math.round(height * readScale)),
    )
    await breathe()
    const regions = await find(picture, searchScale / readScale)
    // How the page lies, by most of its lines.
    const tilt = median(regions.map(({ angle }) => angle))
    const lines: ReadLine[] = []
    for (const region of regions) {
      await breathe()
      const { text, score } = await read(picture, region)
      if (text === '' || score < leastScore(text)) continue
      const box = boxOf(region, readScale, width, height)
      lines.push({ text, score: Math.round(score * 1000) / 1000, box, level: levelBox(region, tilt) })
    }
    const ordered = inReadingOrder(lines).map(({ text, score, box }) => ({ text, score, box }))
    return { lines: ordered, computeMs: performance.now() - startedAt }
  }

  async function pixelsOf(bytes: Uint8Array, width: number, height: number): Promise<Pixels> {
    const image = sharp(bytes).flatten({ background: '#ffffff' }).toColourspace('srgb')
    const data = await image.resize(width, height, { fit: 'fill', kernel: 'cubic' }).removeAlpha().raw().toBuffer()
    return { data, width, height }
  }

  /** Regions of text in pixels of `picture`, which is searched at `scale` of its size. */
  async function find(picture: Pixels, scale: number): Promise<TextRegion[]> {
    const side = (length: number): number => Math.max(stride, Math.round((length * scale) / stride) * stride)
    const [width, height] = [side(picture.width), side(picture.height)]
    const raw = { width: picture.width, height: picture.height, channels: 3 as const }
    const data = await sharp(picture.data, { raw }).resize(width, height, { fit: 'fill' }).raw().toBuffer()
    const plane = width * height
    const values = new Float32Array(plane * 3)
    for (let at = 0; at < plane; at++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = (data[at * 3 + 2 - channel] ?? 0) / 255
        values[channel * plane + at] = (value - (means[channel] ?? 0)) / (deviations[channel] ?? 1)
      }
    }
    const map = await output(detection, new runtime.Tensor('float32', values, [1, 3, height, width]))
    const [toX, toY] = [picture.width / width, picture.height / height]
    return textRegions(map.data as Float32Array, width, height).map((region) => ({
      ...region,
      x: region.x * toX,
      y: region.y * toY,
      // The two differ by less than half a stride.
      width: region.width * toX,
      height: region.height * toY,
    }))
  }

  async function read(picture: Pixels, region: TextRegion): Promise<{ text: string; score: number }> {
    const { values, width } = linePixels(picture, region)
    const steps = await output(recognition, new runtime.Tensor('float32', values, [1, 3, lineHeight, width]))
    return decodeLine(steps.data as Float32Array, steps.dims.at(-1) ?? 1, characters)
  }

  async function output(session: InferenceSession, input: Tensor): Promise<Tensor> {
    const [name = ''] = session.inputNames
    const results = await session.run({ [name]: input })
    return results[session.outputNames[0] ?? ''] as Tensor
  }
})

/** The level box around a region, in whole pixels of the picture. */
function boxOf(
  { x, y, width, height, angle }: TextRegion,
  scale: number,
  pictureWidth: number,
  pictureHeight: number,
): ReadLine['box'] {
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))]
  const [half, tall] = [(width * cos + height * sin) / 2, (width * sin + height * cos) / 2]
  const within = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value / scale)))
  const [left, top] = [within(x - half, pictureWidth), within(y - tall, pictureHeight)]
  return {
    left,
    top,
    width: Math.max(1, within(x + half, pictureWidth) - left),
    height: Math.max(1, within(y + tall, pictureHeight) - top),
  }
}

/** The region with the page turned straight. */
function levelBox({ x, y, width, height, angle }: TextRegion, tilt: number): ReadLine['level'] {
  const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)]
  const [along, across] = [x * cos + y * sin, y * cos - x * sin]
  const stands = Math.abs(Math.sin(angle - tilt)) > Math.SQRT1_2
  const [wide, tall] = stands ? [height, width] : [width, height]
  return { left: along - wide / 2, top: across - tall / 2, width: wide, height: tall }
}
