/** Numbers that look random and are the same for the same key, on every machine: mulberry32 over a 32-bit FNV-1a hash. */
export class Random {
  #state: number

  constructor(key: string) {
    let hash = 0x811c9dc5
    for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193)
    this.#state = hash >>> 0
    // Keys that differ in their last character begin alike otherwise.
    for (let n = 0; n < 4; n++) this.next()
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next()
  }

  integer(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[Math.floor(this.next() * values.length)] ?? values[0]
  }
}

/** A smooth curve of heights from 0 to 1 along a line, the sum of `octaves` of noise, each twice as fine and `rough` times as high as
 *  the one before. */
export function noiseCurve(random: Random, octaves: number, rough = 0.5): (x: number) => number {
  const size = 64
  const values = Array.from({ length: size }, () => random.next())
  const offsets = Array.from({ length: octaves }, () => random.between(0, size))
  const at = (x: number): number => {
    const cell = Math.floor(x)
    const within = x - cell
    const smooth = within * within * (3 - 2 * within)
    const left = values[((cell % size) + size) % size] ?? 0
    const right = values[(((cell + 1) % size) + size) % size] ?? 0
    return left + (right - left) * smooth
  }
  return (x) => {
    let sum = 0
    let most = 0
    let height = 1
    for (const [octave, offset] of offsets.entries()) {
      sum += at(x * 2 ** octave + offset) * height
      most += height
      height *= rough
    }
    return sum / most
  }
}
