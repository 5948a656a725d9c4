import { setImmediate as soon } from 'node:timers/promises'
import { Metadata, type ServerDuplexStream, type ServerReadableStream } from '@grpc/grpc-js'
import type { RunningCall } from './call-context.js'
import { decoded } from './undecodable.js'

export type RequestWire = ServerReadableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>

/** What the caller sends, read no faster than the handler takes it. Ends when the caller has closed its side; throws what the call is
 *  to fail with once that is known, so that a handler which waits for the next request ends too. A handler that writes at the end looks at the
 *  call's signal before it does: a caller that cancels may seem to have ended. To be read once.
 *  @throws INVALID_ARGUMENT about bytes that are no request; the signal's reason */
export async function* requestsOf(wire: RequestWire, call: RunningCall): AsyncGenerator<unknown, void, undefined> {
  readOneAhead(wire)
  const { signal } = call
  let wake = (): void => {}
  const stir = (): void => wake()
  // Not the stream's own iterator: that one destroys the stream, and the answer with it, when a handler has read enough.
  wire.on('readable', stir).on('end', stir)
  signal.addEventListener('abort', stir)
  try {
    for (;;) {
      signal.throwIfAborted()
      const request: unknown = wire.read()
      if (request !== null) {
        yield decoded(request, call.method)
      } else if (wire.readableEnded) {
        await refuseCutOff(wire, call)
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    wire.off('readable', stir).off('end', stir)
    signal.removeEventListener('abort', stir)
  }
}

/** Of a caller that died, Node.js 20 says `end` and only then `close`: half an upload would pass for a whole one. Sending the headers, which are
 *  due now anyway, makes grpc-js 1.14 look whether the stream is closed. A caller on Node.js that cancels sends a true end and the cancellation
 *  right behind it: the requests end, then the call's signal aborts. */
async function refuseCutOff(wire: RequestWire, call: RunningCall): Promise<void> {
  wire.sendMetadata(new Metadata())
  // It tells what it saw in the next tick.
  await soon()
  call.signal.throwIfAborted()
}

/** A stream of objects reads 16 ahead by default: with messages of 20 MiB each that would be 320 MiB for one call. grpc-js passes no options
 *  to its streams, and Node.js has no other way to change the mark of one that exists. */
function readOneAhead(wire: RequestWire): void {
  const state = (wire as unknown as { readonly _readableState?: { highWaterMark: number } })._readableState
  if (state) state.highWaterMark = 1
}
