/** A vector as it is stored and held: one signed byte for each number, a quarter of what the model gives. Only its direction counts.
 *  Measured on real dialogues: the same messages are found (decision 0042). */
export interface PackedVector {
  readonly bytes: Int8Array
  /** Length of `bytes` as a vector; never 0. */
  readonly length: number
}

/** Text such as `[12,-3,127]`: what pgvector reads as well. `undefined`: the vector has no direction. */
export function vectorText(vector: Float32Array): string | undefined {
  let largest = 0
  for (const number of vector) largest = Math.max(largest, Math.abs(number))
  if (!(largest > 0) || !Number.isFinite(largest)) return undefined
  return `[${Array.from(vector, (number) => Math.round((number / largest) * 127)).join(',')}]`
}

/** `undefined` for text that is no vector of these dimensions. */
export function packedVector(text: string, dimensions: number): PackedVector | undefined {
  const bytes = new Int8Array(dimensions)
  const numbers = text.slice(1, -1).split(',')
  if (numbers.length !== dimensions) return undefined
  let squares = 0
  for (let place = 0; place < dimensions; place += 1) {
    const number = Number(numbers[place])
    if (!Number.isInteger(number) || number < -127 || number > 127) return undefined
    bytes[place] = number
    squares += number * number
  }
  return squares === 0 ? undefined : { bytes, length: Math.sqrt(squares) }
}

/** Cosine of the angle to a vector of length 1: 1 means the same, about 0 nothing in common. */
export function similarity(query: Float32Array, { bytes, length }: PackedVector): number {
  let sum = 0
  for (let place = 0; place < bytes.length; place += 1) sum += (query[place] ?? 0) * (bytes[place] ?? 0)
  return sum / length
}
