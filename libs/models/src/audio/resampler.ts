/** Zero crossings of the filter on each side. */
const crossings = 24
/** Where the filter has fallen by half, as a part of the lower of both Nyquist frequencies; silent from about 1.06 on. */
const cutoff = 0.94
/** Of the Kaiser window: 80 dB below what passes. */
const beta = 7.86

/** Changes the sample rate by a windowed sinc in polyphase form, chunk by chunk; the chunks joined are what one long chunk gives.
 *  Source: J. O. Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/ */
export class Resampler {
  readonly #up: number
  readonly #down: number
  readonly #half: number
  readonly #phases: readonly Float32Array[]
  /** Input from `#start` on that is still needed. */
  #held: Float32Array
  #start: number
  #received = 0
  #made = 0

  constructor(from: number, to: number) {
    const divisor = greatestCommonDivisor(from, to)
    this.#up = to / divisor
    this.#down = from / divisor
    const scale = Math.min(1, to / from) * cutoff
    this.#half = Math.ceil(crossings / scale)
    this.#phases = Array.from({ length: this.#up }, (_, phase) => phaseOf(phase / this.#up, scale, this.#half))
    // Before the first sample there is silence.
    this.#held = new Float32Array(this.#half)
    this.#start = -this.#half
  }

  push(samples: Float32Array): Float32Array {
    this.#received += samples.length
    const held = new Float32Array(this.#held.length + samples.length)
    held.set(this.#held)
    held.set(samples, this.#held.length)
    this.#held = held
    return this.#make(this.#received - this.#half)
  }

  /** What is left, so that all together lasts as long as the input. */
  end(): Float32Array {
    const padded = new Float32Array(this.#held.length + this.#half + 1)
    padded.set(this.#held)
    this.#held = padded
    return this.#make(this.#received)
  }

  /** The output whose place in the input lies before `until`. */
  #make(until: number): Float32Array {
    const count = Math.max(0, Math.ceil((until * this.#up) / this.#down) - this.#made)
    const output = new Float32Array(count)
    const taps = this.#half * 2
    for (let index = 0; index < count; index += 1) {
      const place = (this.#made + index) * this.#down
      const whole = Math.floor(place / this.#up)
      const phase = this.#phases[place - whole * this.#up] as Float32Array
      const first = whole - this.#half + 1 - this.#start
      let sum = 0
      for (let tap = 0; tap < taps; tap += 1) sum += (this.#held[first + tap] as number) * (phase[tap] as number)
      output[index] = sum
    }
    this.#made += count
    const needed = Math.floor((this.#made * this.#down) / this.#up) - this.#half + 1
    const drop = Math.min(Math.max(0, needed - this.#start), this.#held.length)
    this.#held = this.#held.slice(drop)
    this.#start += drop
    return output
  }
}

/** Mono samples at another rate; as they come when the rates are the same. */
export async function* resampled(
  samples: AsyncIterable<Float32Array>,
  from: number,
  to: number,
): AsyncGenerator<Float32Array, void, undefined> {
  if (from === to) {
    yield* samples
    return
  }
  const resampler = new Resampler(from, to)
  for await (const chunk of samples) {
    const output = resampler.push(chunk)
    if (output.length > 0) yield output
  }
  const rest = resampler.end()
  if (rest.length > 0) yield rest
}

/** Weights for the input samples around a place that lies `fraction` behind one of them. */
function phaseOf(fraction: number, scale: number, half: number): Float32Array {
  const taps = Float64Array.from({ length: half * 2 }, (_, tap) => {
    const distance = tap - half + 1 - fraction
    const place = distance / half
    if (Math.abs(place) >= 1) return 0
    const x = Math.PI * distance * scale
    const sinc = x === 0 ? 1 : Math.sin(x) / x
    return sinc * (besselI0(beta * Math.sqrt(1 - place * place)) / besselI0(beta))
  })
  // Every phase passes a constant unchanged.
  const sum = taps.reduce((all, one) => all + one, 0)
  return Float32Array.from(taps, (one) => one / sum)
}

function besselI0(x: number): number {
  let sum = 1
  for (let term = 1, k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / 2 / k) ** 2
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
