import { transcriptionSampleRate as sampleRate } from '../../transcription-model.js'

/** Speech between two pauses. */
export interface Piece {
  /** At 16 kHz, with a little of the silence on both sides. */
  readonly samples: Float32Array
  /** Of the speech in it, from the start of the audio. */
  readonly startMs: number
  readonly endMs: number
}

const frameMs = 20
const frameSamples = (sampleRate * frameMs) / 1000
/** Kept of the silence before and after speech: soft consonants begin and end below the threshold. */
const marginFrames = 200 / frameMs
/** Speech shorter than this alone is a click. */
const minSpeechFrames = 60 / frameMs
const maxFrames = 29_000 / frameMs
/** Where a piece that has no pause at all is cut: at its quietest moment behind this. */
const earliestForcedCut = 20_000 / frameMs
/** The noise floor may rise by a factor of two in about three seconds, and falls at once. */
const floorRise = 2 ** (frameMs / 3_000)
/** Speech is this many times louder than the floor (10 dB in energy). */
const overFloor = 10
/** The bounds of the floor, as mean squares: 16 bits of silence with dither, and loud noise (-35 dB). */
const lowestFloor = 3e-7
const highestFloor = 3e-4
const highestFirstFloor = 3e-5

/** The longer a piece is, the shorter a pause ends it: sentences stay whole, and nobody waits for a breath that does not come. */
function pauseFramesFor(frames: number): number {
  const ms = frames * frameMs
  return (ms < 8_000 ? 700 : ms < 16_000 ? 400 : ms < 22_000 ? 240 : 120) / frameMs
}

/** Cuts audio of any length at pauses into pieces of at most 30 s. Its memory is one piece. */
export class PauseCutter {
  /** The frames since the piece began, or as many before it as its margin has. */
  #frames: Frame[] = []
  /** Frames of the piece that have speech. */
  #speech = 0
  #pause = 0
  #firstSpeech = 0
  #lastSpeech = 0
  #floor: number | undefined
  #rest: Float32Array = new Float32Array(0)
  /** Number of the next frame from the start of the audio. */
  #next = 0
  #samples = 0
  #speechMs = 0

  /** Of what was pushed. */
  get durationMs(): number {
    return Math.round((this.#samples / sampleRate) * 1000)
  }

  /** Of that, how much lies outside of pieces. */
  get silenceMs(): number {
    return Math.max(0, this.durationMs - Math.round(this.#speechMs))
  }

  /** @returns the pieces that ended */
  push(samples: Float32Array): Piece[] {
    this.#samples += samples.length
    const all = joined([this.#rest, samples])
    const pieces: Piece[] = []
    let from = 0
    for (; from + frameSamples <= all.length; from += frameSamples) {
      const piece = this.#frame(all.subarray(from, from + frameSamples))
      if (piece !== undefined) pieces.push(piece)
    }
    this.#rest = all.slice(from)
    return pieces
  }

  /** The piece so far, without its end. */
  unfinished(): Piece | undefined {
    return this.#speech < minSpeechFrames ? undefined : this.#piece(this.#frames.length)
  }

  /** The last piece. Nothing may be pushed afterwards. */
  end(): Piece | undefined {
    if (this.#rest.length > 0) {
      const last = new Float32Array(frameSamples)
      last.set(this.#rest)
      this.#rest = new Float32Array(0)
      const piece = this.#frame(last)
      if (piece !== undefined) return piece
    }
    return this.#cut(this.#frames.length)
  }

  #frame(samples: Float32Array): Piece | undefined {
    const energy = meanSquare(samples)
    // Who speaks from the first moment on must not pass for noise.
    this.#floor ??= Math.max(lowestFloor, Math.min(energy, highestFirstFloor))
    const isSpeech = energy > this.#floor * overFloor
    this.#floor = Math.min(Math.max(Math.min(energy, this.#floor * floorRise), lowestFloor), highestFloor)
    this.#frames.push({ samples: samples.slice(), energy })
    const number = this.#next
    this.#next += 1
    if (isSpeech) {
      if (this.#speech === 0) this.#firstSpeech = number
      this.#speech += 1
      this.#lastSpeech = number
      this.#pause = 0
    } else {
      this.#pause += 1
    }
    if (this.#speech === 0) {
      if (this.#frames.length > marginFrames) this.#frames.shift()
      return undefined
    }
    if (this.#pause >= pauseFramesFor(this.#frames.length)) return this.#cut(this.#frames.length)
    if (this.#frames.length >= maxFrames) return this.#cut(this.#quietest())
    return undefined
  }

  /** Behind the quietest five frames in a row. */
  #quietest(): number {
    const window = 5
    let best = this.#frames.length
    let least = Infinity
    for (let end = earliestForcedCut; end <= this.#frames.length; end += 1) {
      const sum = this.#frames.slice(end - window, end).reduce((sum, { energy }) => sum + energy, 0)
      if (sum < least) {
        least = sum
        best = end - (window >> 1)
      }
    }
    return best
  }

  /** Ends the piece behind its first `count` frames; what is left begins the next one. */
  #cut(count: number): Piece | undefined {
    const whole = count === this.#frames.length
    const piece = this.#speech < minSpeechFrames ? undefined : this.#piece(count)
    if (piece !== undefined) this.#speechMs += piece.endMs - piece.startMs
    const start = this.#next - this.#frames.length + count
    // The margin of the next piece is the silence that the last one ends with.
    this.#frames = whole ? this.#frames.slice(-marginFrames) : this.#frames.slice(count)
    this.#speech = Math.max(0, this.#lastSpeech + 1 - start)
    this.#firstSpeech = start
    return piece
  }

  #piece(count: number): Piece {
    const first = this.#next - this.#frames.length
    const end = Math.min(count, this.#lastSpeech - first + 1 + marginFrames)
    const speechEnd = Math.min(first + count, this.#lastSpeech + 1)
    return {
      samples: joined(this.#frames.slice(0, end).map(({ samples }) => samples)),
      startMs: this.#firstSpeech * frameMs,
      endMs: Math.min(speechEnd * frameMs, this.durationMs),
    }
  }
}

interface Frame {
  readonly samples: Float32Array
  readonly energy: number
}

/** Without what does not move: a constant offset is no sound. */
function meanSquare(samples: Float32Array): number {
  let sum = 0
  let squares = 0
  for (const one of samples) {
    sum += one
    squares += one * one
  }
  const mean = sum / samples.length
  return squares / samples.length - mean * mean
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
