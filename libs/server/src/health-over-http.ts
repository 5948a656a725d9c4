import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHealth } from './health.js'

/** Answers `GET /livez` (200, or 503: restart the process) and `GET /readyz` (200, or 503: send no calls), each with what is known as JSON:
 *  `{"status":"ready"}`, `{"status":"degraded","degraded":["…"]}`, which is 200 as well, `{"status":"not ready"}`; of readiness also `models`, those that it works with, and which are
 *  loaded. Orchestrators that know no gRPC ask these.
 *  @returns whether the request was one of them */
export function answerHealth(request: IncomingMessage, response: ServerResponse, health: () => ServerHealth): boolean {
  const path = request.url?.split('?')[0]
  if (path !== '/livez' && path !== '/readyz') return false
  const { isAlive, isReady, degraded, models = [] } = health()
  const isGood = path === '/livez' ? isAlive : isAlive && isReady
  const good = path === '/livez' ? 'alive' : degraded.length > 0 ? 'degraded' : 'ready'
  const body = {
    status: isGood ? good : `not ${path === '/livez' ? 'alive' : 'ready'}`,
    ...(isGood && path === '/readyz' && degraded.length > 0 ? { degraded } : {}),
    ...(path === '/readyz' && models.length > 0 ? { models } : {}),
  }
  response.writeHead(isGood ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`)
  return true
}
