import type { Logger } from '../logs.js'
import type { Metrics } from '../metrics.js'
import type { LoadGate } from './load-gate.js'

const lookMs = 1000

/** Tells metrics of the load on a server, and the log, once a second while calls are refused. */
export function watchOverload(load: LoadGate, logger: Logger, metrics: Metrics | undefined): { stop(): void } {
  metrics?.gauge('rpc_server_calls_limit', 'Calls that are served at once, at most', () => load.figures.limit)
  metrics?.gauge('rpc_server_calls_waiting', 'Calls that wait for a place', () => load.figures.waiting)
  metrics?.gauge('rpc_server_streams_in_progress', 'Streams that are open', () => load.figures.streams)
  metrics?.counter('rpc_server_calls_shed_total', 'Calls that were refused for overload', () => load.figures.refused)
  let told = 0
  const timer = setInterval(() => {
    const { refused, ...rest } = load.figures
    if (refused > told) logger.warn({ refused: refused - told, ...rest }, 'Overloaded: calls are refused')
    told = refused
  }, lookMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      load.stop()
    },
  }
}
