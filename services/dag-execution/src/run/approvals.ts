import { type Json, isObject } from '../graph/graph.js'
import type { Unit } from './scope.js'

/** Approvals that are open, and answers that nothing has taken yet: either may come first. */
export class Approvals {
  readonly #open = new Set<Unit>()
  readonly #answers = new Map<string, Json[]>()

  add(unit: Unit): void {
    this.#open.add(unit)
  }

  delete(unit: Unit): void {
    this.#open.delete(unit)
  }

  has(unit: Unit): boolean {
    return this.#open.has(unit)
  }

  /** Forgets those that a test names. */
  drop(isGone: (unit: Unit) => boolean): void {
    for (const unit of this.#open) if (isGone(unit)) this.#open.delete(unit)
  }

  receive(name: string, payload: Json): void {
    this.#answers.set(name, [...(this.#answers.get(name) ?? []), payload])
  }

  /** Takes the next answer that an approval is open for. */
  next(signalOf: (unit: Unit) => Json | undefined): { readonly unit: Unit; readonly payload: Json } | undefined {
    if (this.#answers.size === 0) return undefined
    for (const unit of this.#open) {
      const name = signalName(signalOf(unit), unit.path)
      const [payload, ...rest] = this.#answers.get(name) ?? []
      if (payload === undefined) continue
      if (rest.length === 0) this.#answers.delete(name)
      else this.#answers.set(name, rest)
      return { unit, payload }
    }
    return undefined
  }
}

/** What the signal that answers an approval is called. @param given by the node */
export function signalName(given: Json | undefined, path: string): string {
  return typeof given === 'string' ? given : path
}

/** Yes, unless it says no. */
export function isApproved(payload: Json): boolean {
  return isObject(payload) ? payload['approved'] !== false : payload !== false
}
