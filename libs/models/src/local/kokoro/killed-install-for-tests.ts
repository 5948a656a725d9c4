import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installRecipe } from './install-recipe.js'
import { makeModel } from './packages-for-tests.js'

// Says so when the model is put together, and then does nothing for ever: the test kills it.
const { recipe, packages } = makeModel()
const [folder = ''] = process.argv.slice(2)
await installRecipe(
  recipe,
  folder,
  {
    onProgress: ({ step, done, total }) => {
      if (step !== 'unpack' || done !== total) return
      process.send?.('unpacked')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    },
  },
  async (spec, into) => {
    const one = packages.find(({ name, version }) => `${name}@${version}` === spec)
    await writeFile(join(into, 'anything.tgz'), one?.tarball ?? '')
  },
)
