import { HoldfastError } from '@holdfast/errors'
import { type ModelFailureReason, notCompatible } from './failures.js'
import type { Redact } from './secrets.js'

/** Reads what an endpoint answered: the package's types say what OpenAI sends, not what came. */
export class JsonAnswer {
  readonly #value: unknown
  readonly #redact: Redact

  constructor(value: unknown, redact: Redact) {
    this.#value = value
    this.#redact = redact
  }

  /** `undefined`: there is none, or null. */
  member(name: string): JsonAnswer | undefined {
    const value: unknown =
      typeof this.#value === 'object' && this.#value !== null ? Reflect.get(this.#value, name) : undefined
    return value === undefined || value === null ? undefined : new JsonAnswer(value, this.#redact)
  }

  items(): JsonAnswer[] | undefined {
    return Array.isArray(this.#value) ? this.#value.map((item) => new JsonAnswer(item, this.#redact)) : undefined
  }

  text(name: string): string | undefined {
    const value = this.member(name)?.value
    return typeof value === 'string' ? value : undefined
  }

  number(name: string): number | undefined {
    const value = this.member(name)?.value
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined
  }

  /** @throws FAILED_PRECONDITION, because it is not what an OpenAI-compatible endpoint answers */
  required<T>(value: T | undefined, what: string): T {
    if (value === undefined) throw notCompatible(`an answer without ${what}`, this.#redact)
    return value
  }

  get value(): unknown {
    return this.#value
  }
}

/** The model did not keep to the form that it was asked for; it may the next time. */
export function malformed(what: string): HoldfastError {
  return new HoldfastError('UNAVAILABLE', `The model did not answer with ${what}, which it was asked for: try again`, {
    reason: 'MODEL_FAILED' satisfies ModelFailureReason,
  })
}
