import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fromPackage } from '../host/missing-package.js'
import { type ServedCall, serveModel } from '../host/serve-model.js'
import { moonshineFolder, moonshinePackages, type MoonshineSize } from './moonshine-files.js'

export interface MoonshineSettings {
  readonly size: MoonshineSize
}

export interface MoonshineRequest {
  /** Mono at 16 kHz, at most 30 s. */
  readonly samples: Float32Array
}

export interface MoonshineResult {
  /** Trimmed; empty for silence and noise. */
  readonly text: string
  readonly tokens: number
  readonly computeMs: number
}

// https://github.com/moonshine-ai/moonshine-js/blob/v0.1.16/src/model.ts: shapes, tokens, limit.
const shapes = {
  base: { layers: 8, heads: 8, headSize: 52 },
  tiny: { layers: 6, heads: 8, headSize: 36 },
}
const firstToken = 1
const lastToken = 2
/** More is a model that repeats itself. */
const maxTokensPerSecond = 6.5
/** The encoder wants some hundreds of samples; below this nothing can have been said. */
const minSamples = 1_600

serveModel(async ({ size }: MoonshineSettings) => {
  const model = `moonshine-${size}`
  const folder = await moonshineFolder(size)
  const runtime = await fromPackage(model, moonshinePackages, () => import('onnxruntime-node'))
  const { default: tokenizer } = await fromPackage(model, moonshinePackages, () => import('llama-tokenizer-js'))
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: Math.min(4, availableParallelism()),
    // Threads that wait for work in a loop take the cores from those who have some.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  }
  const open = (name: string) => runtime.InferenceSession.create(join(folder, name), options)
  const [encoder, decoder] = await Promise.all([open('encoder_model.onnx'), open('decoder_model_merged.onnx')])
  const { layers, heads, headSize } = shapes[size]

  return { run }

  async function run({ samples }: MoonshineRequest, call: ServedCall<never>): Promise<MoonshineResult> {
    const startedAt = performance.now()
    const tokens = samples.length < minSamples ? [] : await tokensOf(samples, call)
    const text = tokens.length === 0 ? '' : tokenizer.decode(tokens, false, false).trim()
    return { text, tokens: tokens.length, computeMs: performance.now() - startedAt }
  }

  async function tokensOf(samples: Float32Array, { breathe }: ServedCall<never>): Promise<number[]> {
    await breathe()
    const input = { input_values: new runtime.Tensor('float32', samples, [1, samples.length]) }
    const { last_hidden_state: heard } = await encoder.run(input)
    let past = emptyPast()
    const tokens: number[] = []
    const limit = Math.ceil((samples.length / 16_000) * maxTokensPerSecond)
    for (let token = firstToken; tokens.length < limit;) {
      await breathe()
      const isFirst = tokens.length === 0
      const output = await decoder.run({
        input_ids: new runtime.Tensor('int64', [BigInt(token)], [1, 1]),
        encoder_hidden_states: heard as Tensor,
        use_cache_branch: new runtime.Tensor('bool', [!isFirst], [1]),
        ...past,
      })
      token = likeliest((output['logits'] as Tensor).data as Float32Array)
      if (token === lastToken) break
      tokens.push(token)
      past = nextPast(past, output, isFirst)
    }
    return tokens
  }

  function emptyPast(): Record<string, Tensor> {
    return Object.fromEntries(
      pastNames(layers).map((name) => [
        `past_key_values.${name}`,
        new runtime.Tensor('float32', new Float32Array(0), [0, heads, 1, headSize]),
      ]),
    )
  }

  /** What the decoder knows of the audio stays as the first step computed it. */
  function nextPast(past: Record<string, Tensor>, output: InferenceSession.OnnxValueMapType, isFirst: boolean) {
    const next = { ...past }
    for (const name of pastNames(layers)) {
      if (isFirst || name.includes('.decoder.')) next[`past_key_values.${name}`] = output[`present.${name}`] as Tensor
    }
    return next
  }
})

function pastNames(layers: number): string[] {
  return Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
    ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'].map((name) => `${layer}.${name}`),
  )
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let token = 1; token < logits.length; token += 1) {
    if ((logits[token] ?? 0) > (logits[best] ?? 0)) best = token
  }
  return best
}
