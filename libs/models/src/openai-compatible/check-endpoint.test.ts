import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelCheck } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import { type Script, ScriptedServer, sendError } from './scripted-server.js'

async function checked(script: Script, timeoutMs?: number): Promise<ModelCheck> {
  await using server = await ScriptedServer.start(script)
  using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'llama3.2', apiKey: 'sk-ours' })
  const check = await model.check(timeoutMs === undefined ? {} : { timeoutMs })
  assert.deepEqual(
    server.requests.map((request) => [request.method, request.path, request.headers.authorization]),
    [['GET', '/v1/models', 'Bearer sk-ours']],
  )
  assert.ok(check.latencyMs > 0)
  return check
}

function lists(...ids: string[]): Script {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) }))
  }
}

describe('the check of an OpenAI-compatible endpoint', () => {
  it('is ok when the endpoint has the model, under Ollama its latest tag', async () => {
    for (const id of ['llama3.2', 'llama3.2:latest']) {
      const check = await checked(lists('other', id))
      assert.equal(check.ok, true)
      assert.match(check.detail, /^http:\/\/127\.0\.0\.1:\d+ answers and has the model llama3\.2$/)
    }
  })

  it('says that the model is not listed, which need not mean that it is not there', async () => {
    const check = await checked(lists('other'))
    assert.deepEqual([check.ok, /does not list the model/.test(check.detail)], [true, true])
  })

  it('is ok, with a hint, when the endpoint does not list models', async () => {
    const check = await checked((response) => sendError(response, 404, 'Not Found'))
    assert.deepEqual([check.ok, /correct the base URL/.test(check.detail)], [true, true])
  })

  for (const [what, script, code] of [
    ['the key is rejected', (response) => sendError(response, 401, { message: 'no' }), 'UNAUTHENTICATED'],
    ['the endpoint fails', (response) => sendError(response, 500, { message: 'no' }), 'UNAVAILABLE'],
    ['the endpoint hangs up', (response) => void response.destroy(), 'UNAVAILABLE'],
    [
      'a page answers',
      (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('Hi'),
      'FAILED_PRECONDITION',
    ],
  ] as const satisfies readonly (readonly [string, Script, string])[]) {
    it(`is not ok when ${what}`, async () => {
      const check = await checked(script)
      assert.deepEqual([check.ok, check.error?.code], [false, code])
    })
  }

  it('is not ok when the endpoint does not answer in time', async () => {
    const check = await checked(() => undefined, 50)
    assert.deepEqual([check.ok, check.error?.code], [false, 'DEADLINE_EXCEEDED'])
  })
})
