/** Versions that this process has read from the database beside the cache, for as long as the cache may hold something older: what somebody
 *  cached before a writer died between its commit and its change of the cache. */
export class SeenVersions {
  readonly #keepMs: number
  readonly #max: number
  /** In the order of time. */
  readonly #seen = new Map<string, { readonly version: number; readonly at: number }>()

  constructor(keepMs: number, max: number) {
    this.#keepMs = keepMs
    this.#max = max
  }

  /** @returns `false`: there are too many to remember; nothing of the cache may be used any more that is there now */
  saw(key: string, version: number): boolean {
    const at = performance.now()
    const known = this.#seen.get(key)?.version ?? 0
    this.#seen.delete(key)
    this.#seen.set(key, { version: Math.max(version, known), at })
    for (const [oldest, seen] of this.#seen) {
      if (seen.at + this.#keepMs > at) break
      this.#seen.delete(oldest)
    }
    if (this.#seen.size <= this.#max) return true
    this.#seen.clear()
    return false
  }

  /** Whether this version of the key would be a step back. */
  isPast(key: string, version: number): boolean {
    if (this.#seen.size === 0) return false
    const seen = this.#seen.get(key)
    return seen !== undefined && version < seen.version && seen.at + this.#keepMs > performance.now()
  }
}
