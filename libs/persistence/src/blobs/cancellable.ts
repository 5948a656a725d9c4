import { HoldfastError } from '@holdfast/errors'

/** The same parts until `signal` aborts, then CANCELLED at once, also while the source has nothing to give. */
export async function* cancellable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const parts = source[Symbol.asyncIterator]()
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled(signal))
    signal.addEventListener('abort', stop, { once: true })
  })
  aborted.catch(() => {})
  let ended = false
  try {
    for (;;) {
      if (signal.aborted) throw cancelled(signal)
      const part = await Promise.race([parts.next(), aborted])
      if (part.done === true) {
        ended = true
        return
      }
      yield part.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    // Not awaited: a source that hangs would hang here too.
    if (!ended) void parts.return?.().catch(() => {})
  }
}

function cancelled(signal: AbortSignal): HoldfastError {
  return new HoldfastError('CANCELLED', 'The put was aborted: nothing of it was kept', { cause: signal.reason })
}
