// node build/dist/build/image.js FOLDER: what build/Dockerfile copies to /app.
import { resolve } from 'node:path'
import { layOutImage } from './packing/image.js'

const folder = process.argv[2]
if (folder === undefined) throw new Error('Usage: image.js FOLDER')
await layOutImage(resolve(import.meta.dirname, '../../..'), folder)
