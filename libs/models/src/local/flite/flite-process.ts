import { HoldfastError } from '@holdfast/errors'
import { readFile } from 'node:fs/promises'
import { monoFromPcm } from '../../audio/pcm.js'
import { serveModel } from '../host/serve-model.js'
import { fliteFile } from './flite-files.js'
import { compileWasm, runWasi } from './memory-wasi.js'

export interface FliteRequest {
  /** Only what can be spoken. */
  readonly text: string
  readonly voice: string
  readonly speed: number
}

export interface FliteResult {
  /** At 16 kHz. */
  readonly samples: Float32Array
  readonly computeMs: number
}

const sampleRate = 16_000
const headerBytes = 44

serveModel(async () => {
  const module = await compileWasm(await readFile(await fliteFile()))
  return { run }

  function run({ text, voice, speed }: FliteRequest): FliteResult {
    const startedAt = performance.now()
    const stretch = ['--setf', `duration_stretch=${(1 / speed).toFixed(4)}`]
    const { file, exitCode, messages } = runWasi(module, ['-voice', voice, ...stretch, '-t', text, '-o', '/speech.wav'])
    const wav = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    if (exitCode !== 0 || wav.length < headerBytes || wav.readUInt32LE(24) !== sampleRate) {
      throw new HoldfastError('INTERNAL', `The voice ${voice} of flite made no sound: ${messages.trim()}`)
    }
    const samples = monoFromPcm(wav.subarray(headerBytes), { encoding: 'integer', bits: 16, channels: 1 })
    return { samples, computeMs: performance.now() - startedAt }
  }
})
