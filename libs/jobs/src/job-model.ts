/** Who does the work of a job. Results are cached by name and version, limits count by name, lineage names all three. */
export interface JobModel {
  readonly name: string
  /** Another one whenever the same input may give another result. */
  readonly version: string
  /** `local`, `openai-compatible`. */
  readonly provider: string
  /** Whether aborting ends the computation itself; default true. Where it does not, a cancelled job says `stopped: false`. */
  readonly canStop?: boolean
}

/** What a job used, as far as anybody knows. */
export interface JobUsage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly audioMs?: number
  readonly characters?: number
  readonly images?: number
  /** Time in which the model itself worked, without waiting. */
  readonly computeMs?: number
}

export interface JobCost {
  /** Decimal: `0.0061`. */
  readonly amount: string
  /** ISO 4217: `USD`. */
  readonly currency: string
}
