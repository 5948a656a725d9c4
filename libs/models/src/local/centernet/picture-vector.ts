import type { Letterbox } from './letterbox.js'
import { inputSide } from './letterbox.js'

/** What the last block of the model's backbone (MobileNetV3) says about each 32 × 32 pixels of the square: 16 × 16 × 120 numbers. */
export const featuresNode = 'tower_0/MobilenetV3/expanded_conv_14/add'
export const featuresSide = 16
export const featuresDepth = 120

/** Rows and columns in which the colours are laid out. */
export const coloursSide = 4

/** How much of the product of two vectors comes from the colours. */
const coloursShare = 0.15

export const vectorLength: number = featuresDepth + coloursSide * coloursSide * 3

/** A vector of length 1 that is near to another one when the pictures show alike things in alike colours: the features' mean over the
 *  picture, without the black beside it, and a layout of its colours. */
export function pictureVector(features: Float32Array, letterbox: Letterbox, colours: Float32Array): Float32Array {
  const vector = new Float32Array(vectorLength)
  vector.set(scaled(meanFeatures(features, letterbox), Math.sqrt(1 - coloursShare)))
  vector.set(scaled(centred(colours), Math.sqrt(coloursShare)), featuresDepth)
  return scaled(vector, 1)
}

function meanFeatures(features: Float32Array, { left, top, width, height }: Letterbox): Float32Array {
  const cell = inputSide / featuresSide
  const [firstColumn, lastColumn] = [
    Math.round(left / cell),
    Math.max(Math.round(left / cell) + 1, Math.round((left + width) / cell)),
  ]
  const [firstRow, lastRow] = [
    Math.round(top / cell),
    Math.max(Math.round(top / cell) + 1, Math.round((top + height) / cell)),
  ]
  const sum = new Float32Array(featuresDepth)
  for (let row = firstRow; row < Math.min(lastRow, featuresSide); row++) {
    for (let column = firstColumn; column < Math.min(lastColumn, featuresSide); column++) {
      const at = (row * featuresSide + column) * featuresDepth
      for (let n = 0; n < featuresDepth; n++) sum[n] = (sum[n] ?? 0) + (features[at + n] ?? 0)
    }
  }
  return sum
}

/** CIELAB, with middle grey as its zero, and hue as weighty as light. */
function centred(lab: Float32Array): Float32Array {
  return lab.map((value, n) => (n % 3 === 0 ? value - 50 : value * 1.5))
}

function scaled(vector: Float32Array, length: number): Float32Array {
  const now = Math.hypot(...vector)
  return now === 0 ? vector : vector.map((value) => (value / now) * length)
}
