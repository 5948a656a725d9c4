import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromPackage } from '../host/missing-package.js'

export const centernetPackages: readonly string[] = [
  '@vladmandic/human@3.3.6',
  '@tensorflow/tfjs-backend-wasm@4.22.0',
  '@tensorflow/tfjs-converter@4.22.0',
  '@tensorflow/tfjs-core@4.22.0',
  'sharp@0.35.5',
]

export interface CenternetFiles {
  /** The model: its graph, and its weights beside it. */
  readonly graph: string
  readonly weights: string
  /** The folder of the runtime's WebAssembly, with a slash at its end. */
  readonly wasm: string
}

/** Where the model and its runtime are. Loads nothing. @throws FAILED_PRECONDITION with MODEL_NOT_INSTALLED */
export function centernetFiles(): Promise<CenternetFiles> {
  return fromPackage('centernet', centernetPackages, async () => {
    for (const name of ['@tensorflow/tfjs-core', '@tensorflow/tfjs-converter', 'sharp']) import.meta.resolve(name)
    const wasm = fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'))
    // The package exports its scripts only, which stand beside the folder of the models.
    const script = fileURLToPath(import.meta.resolve('@vladmandic/human'))
    const models = join(dirname(script), '..', 'models')
    const files = { graph: join(models, 'centernet.json'), weights: join(models, 'centernet.bin') }
    await Promise.all([access(files.graph), access(files.weights), access(wasm)])
    return { ...files, wasm: `${dirname(wasm)}/` }
  })
}
