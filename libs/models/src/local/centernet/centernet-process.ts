import { readFile } from 'node:fs/promises'
import { fromPackage } from '../host/missing-package.js'
import { type ServedCall, serveModel } from '../host/serve-model.js'
import { loadSharp, type Sharp } from '../../pictures/sharp.js'
import type { DetectedObject } from '../../vision-model.js'
import { centernetFiles, centernetPackages } from './centernet-files.js'
import { cocoLabels } from './coco-labels.js'
import { distinctObjects } from './distinct-objects.js'
import { boxInPicture, inputSide, letterboxOf, squarePixels } from './letterbox.js'
import { coloursSide, featuresNode, pictureVector } from './picture-vector.js'

export interface CenternetRequest {
  readonly bytes: Uint8Array
  readonly width: number
  readonly height: number
  readonly minScore: number
  readonly limit: number
}

export interface CenternetResult {
  readonly objects: readonly DetectedObject[]
  readonly vector: Float32Array
  readonly computeMs: number
}

/** x1, y1, x2, y2, score and label of the 100 likeliest. */
const detectionsNode = 'tower_0/detections'
const detectionLength = 6

serveModel(async () => {
  const files = await centernetFiles()
  const [tf, { loadGraphModel }, wasm, sharp, json, weights] = await fromPackage('centernet', centernetPackages, () =>
    Promise.all([
      import('@tensorflow/tfjs-core'),
      import('@tensorflow/tfjs-converter'),
      import('@tensorflow/tfjs-backend-wasm'),
      loadSharp(),
      readFile(files.graph, 'utf8'),
      readFile(files.weights),
    ]),
  )
  wasm.setWasmPaths(files.wasm)
  await tf.setBackend('wasm')
  const { weightsManifest, ...graph } = JSON.parse(json)
  const model = await loadGraphModel({
    load: () =>
      Promise.resolve({
        ...graph,
        weightSpecs: weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights),
        weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
      }),
  })

  return { run }

  /** Objects and features come from one pass. */
  async function run(
    { bytes, width, height, minScore, limit }: CenternetRequest,
    { breathe }: ServedCall<never>,
  ): Promise<CenternetResult> {
    const startedAt = performance.now()
    const letterbox = letterboxOf(width, height)
    const [pixels, colours] = await Promise.all([squarePixels(sharp, bytes, letterbox), colourLayout(sharp, bytes)])
    await breathe()
    const input = tf.tensor4d(pixels, [1, inputSide, inputSide, 3])
    const outputs = model.execute(input, [detectionsNode, featuresNode])
    const tensors = Array.isArray(outputs) ? outputs : [outputs]
    const [found, features] = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()))
    tf.dispose([input, ...tensors])
    if (found === undefined || features === undefined)
      throw new Error('The model has not the outputs that are asked of it')

    const candidates: DetectedObject[] = []
    for (let at = 0; at < found.length; at += detectionLength) {
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0, score = 0, number = -1] = found.subarray(at, at + detectionLength)
      const label = cocoLabels[number]
      const box = boxInPicture([x1, y1, x2, y2], letterbox, width, height)
      if (label !== undefined && box !== undefined && score >= minScore)
        candidates.push({ label, score: Math.round(score * 1000) / 1000, box })
    }
    return {
      objects: distinctObjects(candidates).slice(0, limit),
      vector: pictureVector(features, letterbox, colours),
      computeMs: performance.now() - startedAt,
    }
  }
})

/** CIELAB of each cell. */
async function colourLayout(sharp: Sharp, bytes: Uint8Array): Promise<Float32Array> {
  const small = await sharp(bytes)
    .flatten({ background: '#ffffff' })
    .resize(coloursSide, coloursSide, { fit: 'fill' })
    .toColourspace('lab')
    .raw({ depth: 'float' })
    .toBuffer()
  return new Float32Array(small.buffer.slice(small.byteOffset, small.byteOffset + small.byteLength))
}
