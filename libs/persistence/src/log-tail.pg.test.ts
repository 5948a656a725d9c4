import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type PostgresServer, startPostgres } from '@holdfast/test-servers'
import type { DocumentStore } from './document-store.js'
import { openDocumentStore } from './open.js'

describe('a tail over several processes', () => {
  let server: PostgresServer
  let url: string
  let here: DocumentStore
  let there: DocumentStore

  before(async () => {
    server = await startPostgres()
    url = await server.createDatabase()
    here = await openDocumentStore(url)
    there = await openDocumentStore(url)
  })

  after(async () => {
    await Promise.all([here.close(), there.close()])
    await server.stop()
  })

  it('gets what another process appends, in order and without holes', async () => {
    const seen: number[] = []
    const writing = (async () => {
      for (let n = 1; n <= 60; n += 1) await there.log<number>('l').append('s', [{ data: n }])
    })()
    for await (const { seq, data } of here.log<number>('l').tail('s')) {
      assert.equal(seq, data)
      if (seen.push(data) === 60) break
    }
    await writing
    assert.deepEqual(
      seen,
      Array.from({ length: 60 }, (_, index) => index + 1),
    )
  })

  it('goes on after the server crashed and came back', async () => {
    const log = here.log<string>('l')
    await log.append('outage', [{ data: 'before' }])
    const tail = log.tail('outage')[Symbol.asyncIterator]()
    assert.equal((await tail.next()).value?.data, 'before')
    const next = tail.next()
    await server.kill()
    // A write that went out over a connection not yet known to be dead may have been committed, as far as its caller can tell.
    const outcome = await there
      .log('l')
      .append('outage', [{ data: 'lost' }])
      .then(
        () => 'committed',
        (error: { code: string }) => error.code,
      )
    await server.restart()
    assert.ok(['UNAVAILABLE', 'UNKNOWN'].includes(outcome), outcome)
    await there.log('l').append('outage', [{ data: 'after' }])
    assert.equal((await next).value?.data, 'after')
    await tail.return?.()
  })

  it('appends with keys through a crash of the server, each once', async () => {
    const log = here.log<number>('l')
    let acknowledged = 0
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 25; n += 1) {
        const entry = { key: `${writer}-${n}`, data: writer }
        for (;;) {
          try {
            await log.append('crash', [entry])
            acknowledged += 1
            break
          } catch (error) {
            assert.ok(['UNAVAILABLE', 'UNKNOWN'].includes((error as { code: string }).code), String(error))
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
      }
    })
    while (acknowledged < 40) await new Promise((resolve) => setImmediate(resolve))
    await server.kill()
    await server.restart()
    await Promise.all(writers)
    const entries = await log.read('crash')
    assert.equal(acknowledged, 200)
    assert.deepEqual(
      entries.map(({ seq }) => seq),
      Array.from({ length: 200 }, (_, index) => index + 1),
    )
    assert.equal(new Set(entries.map(({ key }) => key)).size, 200)
  })
})
