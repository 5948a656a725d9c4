import type { CheckOptions, ModelCheck } from '../chat-model.js'
import type { ServiceModel } from '../service-model.js'
import { Endpoint } from './endpoint.js'
import { type OpenAiCompatibleOptions, settingsFrom } from './options.js'

export interface OpenAiServiceModelOptions extends OpenAiCompatibleOptions {
  /** Another one whenever the endpoint's model may answer otherwise; results are cached by it. Default `unversioned`. */
  readonly version?: string
}

/** What the models of one endpoint's services are, besides what they do. */
export abstract class OpenAiServiceModel implements ServiceModel {
  readonly provider = 'openai-compatible'
  readonly name: string
  readonly version: string
  /** Closing the connection is all that can be done, and what the endpoint does then is its own affair; here, nothing goes on. */
  readonly canStop = true
  readonly #endpoint: Endpoint

  constructor({ version = '', ...options }: OpenAiServiceModelOptions) {
    this.#endpoint = new Endpoint(settingsFrom(options))
    this.name = options.model
    this.version = version === '' ? 'unversioned' : version
  }

  protected get endpoint(): Endpoint {
    return this.#endpoint
  }

  check(options: CheckOptions = {}): Promise<ModelCheck> {
    return this.#endpoint.check(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endpoint[Symbol.dispose]()
  }
}
