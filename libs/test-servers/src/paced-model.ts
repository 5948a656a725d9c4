import { once } from 'node:events'
import { createServer } from 'node:http'

/** A server that speaks the chat completions protocol and answers any question with the same long text, piece by piece, at a
 *  pace that leaves time to cut and kill. */
export async function startPacedModel(pieces: readonly string[], pieceMs: number): Promise<PacedModel> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let next = 0
      const send = (delta: object, finishReason: string | null) =>
        response.write(
          `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'paced', choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`,
        )
      const timer = setInterval(() => {
        const content = pieces[next]
        next += 1
        if (content !== undefined) send({ content }, null)
        else {
          clearInterval(timer)
          send({}, 'stop')
          response.end('data: [DONE]\n\n')
        }
      }, pieceMs)
      response.on('close', () => clearInterval(timer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The system gave no port')
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface PacedModel extends AsyncDisposable {
  readonly baseUrl: string
}
