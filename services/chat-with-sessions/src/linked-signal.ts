/** Aborts with the first of the signals. As AbortSignal.any, but lets go of signals that live as long as the process when it is disposed. */
export function linkedSignal(signals: readonly AbortSignal[]): Disposable & { readonly signal: AbortSignal } {
  const control = new AbortController()
  const listeners = signals.map((signal) => ({ signal, abort: () => control.abort(signal.reason) }))
  for (const { signal, abort } of listeners) {
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  }
  return {
    signal: control.signal,
    [Symbol.dispose]: () => {
      for (const { signal, abort } of listeners) signal.removeEventListener('abort', abort)
    },
  }
}
