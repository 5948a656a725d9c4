/** What several sources yield, in the order in which it comes. Each source is one item ahead at most. A source that fails, fails all.
 *  Written with a queue because Promise.race over sources that stay silent would leave a reaction on each of them for every item. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T, void> {
  const queue: { readonly item: T; readonly taken: () => void }[] = []
  let open = sources.length
  let stopped = false
  let failure: { readonly error: unknown } | undefined
  let wake = (): void => {}
  const pump = async (source: AsyncIterable<T>): Promise<void> => {
    try {
      for await (const item of source) {
        if (stopped) return
        await new Promise<void>((taken) => {
          queue.push({ item, taken })
          wake()
        })
      }
    } catch (error) {
      failure ??= { error }
    } finally {
      open -= 1
      wake()
    }
  }
  const pumps = sources.map(pump)
  try {
    for (;;) {
      const next = queue.shift()
      if (next !== undefined) {
        yield next.item
        next.taken()
      } else if (failure !== undefined) throw failure.error
      else if (open === 0) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    stopped = true
    for (const { taken } of queue) taken()
    void Promise.allSettled(pumps)
  }
}
