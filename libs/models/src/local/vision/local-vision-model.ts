import { asHoldfastError, invalidField } from '@holdfast/errors'
import type { ModelCheck } from '../../chat-model.js'
import { loadSharp, sharpVersion } from '../../pictures/sharp.js'
import type {
  Description,
  Detections,
  DetectOptions,
  Picture,
  PictureEmbedding,
  ReadText,
  VisionModel,
} from '../../vision-model.js'
import type { ModelCallOptions } from '../../service-model.js'
import { centernetFiles } from '../centernet/centernet-files.js'
import type { CenternetRequest, CenternetResult } from '../centernet/centernet-process.js'
import { checkInstalled } from '../host/check-installed.js'
import { type ModelHostState, openModelHost } from '../host/model-host.js'
import { ocrFiles } from '../ocr/ocr-files.js'
import type { OcrRequest, OcrResult } from '../ocr/ocr-process.js'
import { coloursOf } from './colours.js'
import { describeSeen } from './description.js'

export interface LocalVisionOptions {
  /** See ModelHostOptions; for each of the two processes. */
  readonly idleMs?: number
  readonly maxQueued?: number
}

export interface LocalVisionModel extends VisionModel {
  /** Of the process that detects and embeds, and of the one that reads. */
  states(): { readonly centernet: ModelHostState; readonly ocr: ModelHostState }
}

/** Another one whenever the same picture may give another result: our steps, the weights' packages, and what decodes pictures. */
const weightsVersion = '1+human-3.3.6+ocr-models-1.4.2'
const defaultMinScore = 0.35

/** Sees with CenterNet (80 kinds of things) and reads with PP-OCRv4 (Latin and Chinese), each in a process of its own, without a network.
 *  Its descriptions are put together from what these two find, and from colours and sizes; its embeddings are CenterNet's features and a
 *  layout of colours, which tell whether pictures look alike, not whether they mean the same. */
export function localVisionModel(options: LocalVisionOptions = {}): LocalVisionModel {
  const centernet = openModelHost<CenternetRequest, CenternetResult>({
    script: new URL('../centernet/centernet-process.js', import.meta.url),
    name: 'centernet',
    ...options,
  })
  const ocr = openModelHost<OcrRequest, OcrResult>({
    script: new URL('../ocr/ocr-process.js', import.meta.url),
    name: 'pp-ocr',
    ...options,
  })

  const look = (
    { bytes, width, height }: Picture,
    { minScore = defaultMinScore, limit = 100, signal }: DetectOptions,
  ): Promise<CenternetResult> => {
    if (!(minScore >= 0 && minScore <= 1)) throw invalidField('minScore', `must be from 0 to 1, not ${minScore}`)
    if (!Number.isInteger(limit) || limit < 1) throw invalidField('limit', `must be a positive integer, not ${limit}`)
    return centernet.call({ bytes, width, height, minScore, limit }, { signal })
  }
  const readLines = ({ bytes, width, height }: Picture, { signal }: ModelCallOptions): Promise<OcrResult> =>
    ocr.call({ bytes, width, height }, { signal })

  return {
    name: 'local-vision',
    version: `${weightsVersion}+sharp-${sharpVersion()}`,
    provider: 'local',
    canStop: true,
    abilities: new Set(['describe', 'detect', 'read', 'embed'] as const),
    async describe(picture: Picture, { signal }: ModelCallOptions = {}): Promise<Description> {
      // The first failure ends the other: nobody waits for half a description.
      const stop = new AbortController()
      const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
      try {
        const [{ objects, computeMs }, { lines, computeMs: readMs }, colours] = await Promise.all([
          look(picture, { signal: both }),
          readLines(picture, { signal: both }),
          loadSharp().then((sharp) => coloursOf(sharp, picture.bytes)),
        ])
        const { width, height } = picture
        const text = describeSeen({ width, height, objects, lines, colours })
        return { text, basis: 'detections', usage: { images: 1, computeMs: Math.round(computeMs + readMs) } }
      } catch (error) {
        stop.abort()
        throw asHoldfastError(error, 'Describing a picture')
      }
    },
    async detect(picture: Picture, options: DetectOptions = {}): Promise<Detections> {
      const { objects, computeMs } = await look(picture, options)
      return { objects, usage: { images: 1, computeMs: Math.round(computeMs) } }
    },
    async read(picture: Picture, options: ModelCallOptions = {}): Promise<ReadText> {
      const { lines, computeMs } = await readLines(picture, options)
      return { lines, usage: { images: 1, computeMs: Math.round(computeMs) } }
    },
    async embed(picture: Picture, options: ModelCallOptions = {}): Promise<PictureEmbedding> {
      const { vector, computeMs } = await look(picture, options)
      return { vector, usage: { images: 1, computeMs: Math.round(computeMs) } }
    },
    async check(): Promise<ModelCheck> {
      const [sees, reads] = await Promise.all([
        checkInstalled(centernet, centernetFiles),
        checkInstalled(ocr, ocrFiles),
      ])
      if (!sees.ok || !reads.ok) return sees.ok ? reads : sees
      const isLoaded = sees.isLoaded === true || reads.isLoaded === true
      return { ...reads, detail: `${sees.detail}; ${reads.detail.replace(/^The/, 'the')}`, isLoaded }
    },
    states: () => ({ centernet: centernet.state(), ocr: ocr.state() }),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([centernet.close(), ocr.close()])
    },
  }
}
