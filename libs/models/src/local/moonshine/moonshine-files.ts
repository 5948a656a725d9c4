import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromPackage } from '../host/missing-package.js'

export type MoonshineSize = 'base' | 'tiny'

/** The version of the weights, which is their package's. */
export const moonshineVersion = '0.1.16'

export const moonshinePackages: readonly string[] = [
  `@usefulsensors/moonshine-js@${moonshineVersion}`,
  'llama-tokenizer-js@1.2.2',
  'onnxruntime-node@1.30.0',
]

/** The folder of the weights. Loads nothing. @throws FAILED_PRECONDITION with MODEL_NOT_INSTALLED */
export function moonshineFolder(size: MoonshineSize): Promise<string> {
  return fromPackage(`moonshine-${size}`, moonshinePackages, async () => {
    for (const name of ['llama-tokenizer-js', 'onnxruntime-node']) import.meta.resolve(name)
    // Its package exports nothing but its script, which stands in the same folder as the weights.
    const script = fileURLToPath(import.meta.resolve('@usefulsensors/moonshine-js'))
    const folder = join(dirname(script), 'model', size, 'quantized')
    await access(folder)
    return folder
  })
}
