import { HoldfastError } from '@holdfast/errors'
import type {
  GeneratedImage,
  GeneratedImages,
  ImageCallOptions,
  ImageEditRequest,
  ImageModel,
  ImageRequest,
} from '../image-model.js'
import { encodePicture } from '../pictures/picture-forms.js'
import type { Picture } from '../vision-model.js'
import { JsonAnswer } from './json-answer.js'
import { OpenAiServiceModel, type OpenAiServiceModelOptions } from './service-model-base.js'

export interface OpenAiImageOptions extends OpenAiServiceModelOptions {
  /** Default true. */
  readonly canEdit?: boolean
}

/** An image model behind `/images/generations` and `/images/edits`. It takes no seeds, and what must not be there is said in the prompt. Errors as
 *  of `openAiCompatibleModel`; a size that it does not have is INVALID_ARGUMENT by the endpoint.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiImageModel(options: OpenAiImageOptions): ImageModel {
  return new OpenAiImageModel(options)
}

class OpenAiImageModel extends OpenAiServiceModel implements ImageModel {
  readonly isDeterministic = false
  readonly kind = 'generative'
  readonly canEdit: boolean
  /** OpenAI's newer models always answer with bytes and reject the wish for them; the older ones and most other servers answer with a link
   *  without it. */
  #asksForBytes: boolean
  /** Whether one request may ask for several images: dall-e-3 makes one at a time. */
  #asksForSeveral: boolean

  constructor({ canEdit = true, ...options }: OpenAiImageOptions) {
    super(options)
    this.canEdit = canEdit
    this.#asksForBytes = !/^(gpt-image|chatgpt-image)/.test(options.model)
    this.#asksForSeveral = options.model !== 'dall-e-3'
  }

  generate(request: ImageRequest, options: ImageCallOptions = {}): Promise<GeneratedImages> {
    const { client } = this.endpoint
    return this.#make(request, options, (n, signal) =>
      client.images.generate({ ...this.#parameters(request, n), stream: false }, { signal }),
    )
  }

  edit(request: ImageEditRequest, options: ImageCallOptions = {}): Promise<GeneratedImages> {
    if (!this.canEdit) {
      const text = `${this.name} does not edit pictures: configure a model that does, or make one from the prompt`
      return Promise.reject(new HoldfastError('UNIMPLEMENTED', text))
    }
    const { client } = this.endpoint
    const { picture, mask } = request
    return this.#make(request, options, (n, signal) => {
      const files = { image: fileOf(picture, 'image'), ...(mask === undefined ? {} : { mask: fileOf(mask, 'mask') }) }
      return client.images.edit({ ...this.#parameters(request, n), ...files, stream: false }, { signal })
    })
  }

  #parameters({ prompt, negativePrompt = '', width, height }: ImageRequest, n: number) {
    return {
      model: this.endpoint.settings.model,
      prompt: negativePrompt === '' ? prompt : `${prompt}\n\nIt must not show: ${negativePrompt}`,
      n,
      size: `${width}x${height}`,
      ...(this.#asksForBytes ? { response_format: 'b64_json' as const } : {}),
    }
  }

  async #make(
    { count }: ImageRequest,
    { signal, onImage }: ImageCallOptions,
    ask: (n: number, signal: AbortSignal) => Promise<unknown>,
  ): Promise<GeneratedImages> {
    const images: GeneratedImage[] = []
    let [inputTokens, outputTokens] = [0, 0]
    while (images.length < count) {
      const left = count - images.length
      const body = await this.endpoint.answer(
        signal,
        (until) => ask(this.#asksForSeveral ? left : 1, until),
        (failure) => this.#adapt(failure, left),
      )
      const answer = new JsonAnswer(body, this.endpoint.redact)
      const data = answer.member('data')?.items() ?? []
      if (data.length === 0) answer.required(undefined, 'images')
      for (const item of data.slice(0, left)) {
        const image = await this.#imageOf(item)
        images.push(image)
        onImage?.(image)
      }
      const usage = answer.member('usage')
      inputTokens += usage?.number('input_tokens') ?? 0
      outputTokens += usage?.number('output_tokens') ?? 0
    }
    const tokens = inputTokens + outputTokens === 0 ? {} : { inputTokens, outputTokens }
    return { images, usage: { images: images.length, ...tokens } }
  }

  #adapt({ reason, message }: HoldfastError, left: number): boolean {
    if (reason !== 'MODEL_REQUEST_REJECTED') return false
    if (this.#asksForBytes && message.includes('response_format')) {
      this.#asksForBytes = false
      return true
    }
    if (this.#asksForSeveral && left > 1 && /\bn\b/.test(message)) {
      this.#asksForSeveral = false
      return true
    }
    return false
  }

  async #imageOf(item: JsonAnswer): Promise<GeneratedImage> {
    const revisedPrompt = item.text('revised_prompt')
    // A link would have to be fetched from wherever it points to.
    const bytes = Buffer.from(item.required(item.text('b64_json'), 'the bytes of an image (b64_json)'), 'base64')
    const { width, height, bytes: png } = pngSize(bytes) ?? (await encodePicture(bytes, { format: 'png' }))
    return { bytes: png, width, height, ...(revisedPrompt === undefined ? {} : { revisedPrompt }) }
  }
}

function fileOf({ bytes, contentType }: Picture, name: string): File {
  const extension = contentType.slice(contentType.indexOf('/') + 1)
  return new File([new Uint8Array(bytes)], `${name}.${extension}`, { type: contentType })
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** `undefined`: it is no PNG. The header is the first chunk: https://www.w3.org/TR/png-3/#11IHDR */
function pngSize(bytes: Buffer): { width: number; height: number; bytes: Uint8Array } | undefined {
  if (bytes.length < 24 || !bytes.subarray(0, 8).equals(pngSignature)) return undefined
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), bytes }
}
