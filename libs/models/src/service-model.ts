import type { CheckOptions, ModelCheck } from './chat-model.js'

/** Which model made something. Results are cached by name and version, and lineage names both. */
export interface ModelIdentity {
  /** `moonshine-base`, `gpt-4o-mini-transcribe`. */
  readonly name: string
  /** Another one whenever the same input may give another result: of a local model its package's version, of an endpoint what the operator
   *  configured, or `unversioned`. */
  readonly version: string
  readonly provider: 'local' | 'openai-compatible'
}

/** What the models of all services but chat have in common. */
export interface ServiceModel extends AsyncDisposable, ModelIdentity {
  /** Whether aborting ends the computation itself, within 200 ms. Where it does not, the call ends and what is computed to its end is thrown
   *  away. */
  readonly canStop: boolean
  /** Whether it can work now; for health checks and `holdfast doctor`. Loads nothing, never throws. A local model whose packages are missing
   *  names the command that installs them. */
  check(options?: CheckOptions): Promise<ModelCheck>
}

/** What a call used, as far as the model knows; what it costs follows from the operator's prices. */
export interface ModelUsage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly audioMs?: number
  readonly characters?: number
  readonly images?: number
  /** Time in which the model itself worked, without waiting. */
  readonly computeMs?: number
}

/** Passed to every call of a model. */
export interface ModelCallOptions {
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal
}
