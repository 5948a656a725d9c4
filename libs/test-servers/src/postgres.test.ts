import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { type PostgresServer, startPostgres, startProxy } from './index.js'
import { childrenOf, isThere, untilGone } from './processes.js'

describe('a test PostgreSQL', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ settings: { application_name: 'configured' } })
  })
  after(() => server.stop())

  test('answers on its URL, durable and with the settings that were asked for', async () => {
    const rows = await ask(
      server.url,
      `select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('application_name')`,
    )
    assert.deepEqual(rows, [['on', 'on', 'configured']])
  })

  test('sorts as a language does unless told otherwise, as most servers', async () => {
    const [row] = await ask(server.url, `select 'a' < 'B', 'a' < 'B' collate "C"`)
    const [provider] = await ask(server.url, `select datlocprovider from pg_database where datname = 'postgres'`)
    assert.deepEqual(row, [provider?.[0] === 'i', false])
  })

  test('refuses a wrong password', async () => {
    const url = new URL(server.url)
    url.password = 'wrong'
    await assert.rejects(ask(url.href, 'select 1'), { code: '28P01' })
  })

  test('makes and drops databases', async () => {
    const url = await server.createDatabase()
    assert.deepEqual(await ask(url, 'select count(*)::int from pg_tables where schemaname = current_schema()'), [[0]])
    await server.dropDatabase(url)
    await assert.rejects(ask(url, 'select 1'), { code: '3D000' })
  })

  test('stands still between pause and resume', async () => {
    const client = new Client({ connectionString: server.url })
    await client.connect()
    await server.pause()
    const answer = client.query('select 1')
    const silence = new Promise((resolve) => setTimeout(resolve, 200, 'silence'))
    assert.equal(await Promise.race([answer, silence]), 'silence')
    await server.resume()
    await answer
    await client.end()
  })

  test('has its data after a crash and a restart, on the same URL', async () => {
    await ask(server.url, 'create table kept as select 1 as one')
    const { pid } = server
    await server.kill()
    assert.equal(isThere(pid), false)
    await assert.rejects(ask(server.url, 'select 1'), { code: 'ECONNREFUSED' })
    await server.restart()
    assert.notEqual(server.pid, pid)
    assert.deepEqual(await ask(server.url, 'select one from kept'), [[1]])
  })
})

test('a proxy cuts connections and lets new ones through', async () => {
  const server = await startPostgres()
  const proxy = await startProxy(server.url)
  const client = new Client({ connectionString: proxy.url })
  const failed = new Promise((resolve) => client.on('error', resolve))
  await client.connect()
  assert.equal(proxy.cut(), 1)
  await failed
  assert.deepEqual(await ask(proxy.url, 'select 1'), [[1]])
  await proxy.stop()
  await server.stop()
})

test('two servers stand beside each other', async () => {
  const servers = await Promise.all([startPostgres(), startPostgres()])
  const ports = await Promise.all(servers.map(({ url }) => ask(url, `select current_setting('port')`)))
  await Promise.all(servers.map((server) => server.stop()))
  assert.notDeepEqual(ports[0], ports[1])
})

test('stopping ends the processes, removes the folder, and may be repeated', async () => {
  const server = await startPostgres()
  const pids = [server.pid, ...(await childrenOf(server.pid))]
  await server.stop()
  await server.stop()
  assert.deepEqual(pids.filter(isThere), [])
  assert.equal(existsSync(server.folder), false)
})

test('a server that is paused can be stopped', async () => {
  const server = await startPostgres()
  const { pid } = server
  await server.pause()
  await server.stop()
  assert.equal(isThere(pid), false)
})

test('a setting that does not exist fails with what the server said', async () => {
  await assert.rejects(startPostgres({ settings: { no_such_setting: '1' } }), /no_such_setting/)
})

test('a server does not outlive the process that started it, even one that is killed', async () => {
  const index = new URL('index.js', import.meta.url).href
  const program = `
    const { startPostgres } = await import(${JSON.stringify(index)})
    const server = await startPostgres()
    console.log(JSON.stringify([server.pid, server.folder]))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const [pid, folder] = JSON.parse(line) as [number, string]
  assert.equal(isThere(pid), true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await untilGone([pid])
  assert.equal(isThere(pid), false)
  for (const deadline = Date.now() + 10_000; existsSync(folder) && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.equal(existsSync(folder), false)
})

async function ask(url: string, text: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query({ text, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}
