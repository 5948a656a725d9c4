import type { CollectionSpec, Lifetime } from '../backend.js'
import { checkTtl, lifetimeOf, type LifeSpec } from './lifetime.js'

/** What a collection knows of how long its documents live. */
export class CollectionLife {
  readonly #spec: () => CollectionSpec
  readonly #declare: (added: LifeSpec) => void

  /** @param declare makes sure that what is added is declared before the next statement */
  constructor(spec: () => CollectionSpec, declare: (added: LifeSpec) => void) {
    this.#spec = spec
    this.#declare = declare
  }

  get isSoft(): boolean {
    return this.#spec().softDelete !== undefined
  }

  /** The lifetime of a document that is written anew, `given` being what the call says. */
  ofWrite(given: unknown, field?: string): number | null | undefined {
    return given === undefined ? this.#spec().ttlMs : this.#given(given, field)
  }

  /** What an update makes of a lifetime. */
  ofUpdate(given: unknown): Lifetime | undefined {
    return lifetimeOf(this.#given(given), this.#spec().ttlMs)
  }

  #given(given: unknown, field?: string): number | null | undefined {
    const ttlMs = checkTtl(given, field)
    if (typeof ttlMs === 'number' && this.#spec().expires !== true) this.#declare({ expires: true })
    return ttlMs
  }
}
