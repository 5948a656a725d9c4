/** What is in one place and in the other under the same key; one of the two may be missing. */
export interface Pair<T> {
  readonly from: T | undefined
  readonly to: T | undefined
}

/** Walks two series in the order of their keys side by side. */
export async function* pairs<T>(
  from: AsyncIterable<T>,
  to: AsyncIterable<T>,
  order: (a: T, b: T) => number,
): AsyncGenerator<Pair<T>> {
  const [left, right] = [from[Symbol.asyncIterator](), to[Symbol.asyncIterator]()]
  let [a, b] = await Promise.all([left.next(), right.next()])
  while (a.done !== true || b.done !== true) {
    const side = a.done === true ? 1 : b.done === true ? -1 : order(a.value, b.value)
    yield {
      from: side <= 0 && a.done !== true ? a.value : undefined,
      to: side >= 0 && b.done !== true ? b.value : undefined,
    }
    ;[a, b] = await Promise.all([side <= 0 ? left.next() : a, side >= 0 ? right.next() : b])
  }
}

/** Rows of pages, as `TransferSource` gives them: an empty one is the end. */
export async function* rowsOf<T>(page: (after: T | undefined) => Promise<readonly T[]>): AsyncGenerator<T> {
  for (let after: T | undefined; ;) {
    const rows = await page(after)
    if (rows.length === 0) return
    yield* rows
    after = rows.at(-1)
  }
}

/** The order of `COLLATE "C"`, part by part. */
export function byKey<T>(keyOf: (row: T) => readonly (string | number)[]): (a: T, b: T) => number {
  return (a, b) => {
    const other = keyOf(b)
    for (const [index, part] of keyOf(a).entries()) {
      const against = other[index] ?? ''
      if (part === against) continue
      if (typeof part === 'number') return part - Number(against)
      return Buffer.compare(Buffer.from(part), Buffer.from(String(against)))
    }
    return 0
  }
}
