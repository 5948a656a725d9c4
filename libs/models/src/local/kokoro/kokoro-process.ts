import { HoldfastError } from '@holdfast/errors'
import type { InferenceSession } from 'onnxruntime-node'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fromPackage } from '../host/missing-package.js'
import { type ServedCall, serveModel } from '../host/serve-model.js'
import { kokoroFolder, kokoroRuntime } from './kokoro-files.js'
import { maxTokens, tokensOf } from './kokoro-tokens.js'

export interface KokoroSettings {
  /** Of all models. */
  readonly folder: string
}

export interface KokoroRequest {
  /** Only what can be spoken. */
  readonly text: string
  readonly voice: string
  readonly speed: number
}

export interface KokoroResult {
  /** At 24 kHz. */
  readonly samples: Float32Array
  readonly computeMs: number
}

/** https://github.com/met4citizen/HeadTTS/blob/main/modules/language.mjs, of which there are no types. */
interface Language {
  loadDictionary(path: string): Promise<void>
  generate(input: readonly (string | { readonly type: 'phonetic'; readonly value: string })[]): {
    readonly phonemes: readonly string[]
  }
}

/** Numbers that say how a voice sounds, for each count of tokens. */
const styleSize = 256

serveModel(async ({ folder }: KokoroSettings) => {
  const own = await kokoroFolder(folder)
  const runtime = await fromPackage('kokoro', kokoroRuntime, () => import('onnxruntime-node'))
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: Math.min(4, availableParallelism()),
    // Threads that wait for work in a loop take the cores from those who have some.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  }
  const [session, language] = await Promise.all([
    runtime.InferenceSession.create(join(own, 'model.onnx'), options),
    openLanguage(join(own, 'phonemes')),
  ])
  const voices = new Map<string, Float32Array>()

  return { run }

  async function run({ text, voice, speed }: KokoroRequest, { breathe }: ServedCall<never>): Promise<KokoroResult> {
    const startedAt = performance.now()
    const styles = voices.get(voice) ?? (await readVoice(join(own, 'voices', `${voice}.bin`)))
    voices.set(voice, styles)
    const parts: Float32Array[] = []
    for (const tokens of tokensOf(phonemesOf(text, language))) {
      await breathe()
      parts.push(await say(tokens, styles, speed))
    }
    return { samples: joined(parts), computeMs: performance.now() - startedAt }
  }

  async function say(tokens: readonly number[], styles: Float32Array, speed: number): Promise<Float32Array> {
    const style = styles.slice(tokens.length * styleSize - styleSize, tokens.length * styleSize)
    const { waveform } = await session.run({
      input_ids: new runtime.Tensor('int64', [0, ...tokens, 0].map(BigInt), [1, tokens.length + 2]),
      style: new runtime.Tensor('float32', style, [1, styleSize]),
      speed: new runtime.Tensor('float32', [speed], [1]),
    })
    const samples = (waveform?.data ?? new Float32Array(0)) as Float32Array
    for (let at = 0; at < samples.length; at += 1) {
      const sample = samples[at] ?? 0
      if (!Number.isFinite(sample)) throw new HoldfastError('INTERNAL', 'Kokoro made a sound that has no numbers')
      samples[at] = Math.max(-1, Math.min(1, sample))
    }
    return samples
  }
})

async function openLanguage(folder: string): Promise<Language> {
  const { Language } = (await import(pathToFileURL(join(folder, 'language-en-us.mjs')).href)) as {
    readonly Language: new () => Language
  }
  const language = new Language()
  await language.loadDictionary(join(folder, 'en-us.txt'))
  return language
}

function phonemesOf(text: string, language: Language): string {
  // The dictionary has few words with hyphens, and knows A as the article only: in "C I A" it is a letter.
  const parts = text.replaceAll('-', ' ').split(/((?<=\b[A-Z] )A\b|\bA(?= [A-Z]\b))/)
  const input = parts.map((part, index) => (index % 2 === 0 ? part : ({ type: 'phonetic', value: 'ˈA' } as const)))
  return language.generate(input).phonemes.join('')
}

async function readVoice(path: string): Promise<Float32Array> {
  const bytes = await readFile(path)
  if (bytes.length !== maxTokens * styleSize * 4) throw new HoldfastError('DATA_LOSS', 'A voice of Kokoro is damaged')
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const samples = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    samples.set(part, at)
    at += part.length
  }
  return samples
}
