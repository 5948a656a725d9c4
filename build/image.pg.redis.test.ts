// Every process of docker-compose.production.yml as far as it goes without containers: what the image holds, laid out in a folder that nobody may
// write to, run with the command and the environment of its service, by a user without rights, on PostgreSQL and Redis.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { layOutImage, linkModules } from './packing/image.js'

// Not followed by the compiler: the build is compiled before there are declarations.
const testServers: string = '@holdfast/test-servers'
const { postgresForTests, startRedis, whyNoRedis }: TestServers = await import(testServers)

const root = resolve(import.meta.dirname, '../../..')
const compose = parse(readFileSync(join(root, 'build/orchestration/docker-compose.production.yml'), 'utf8'), {
  merge: true,
}) as { readonly services: Readonly<Record<string, Service>> }
const services = Object.entries(compose.services).filter(([, { command = [] }]) => command[0] === 'up')
const nobody = 65_534
const isRoot = process.getuid?.() === 0

interface TestServers {
  readonly postgresForTests: () => Promise<TestServer & AsyncDisposable>
  readonly startRedis: () => Promise<TestServer & { readonly stop: () => Promise<void> }>
  readonly whyNoRedis: () => Promise<string | undefined>
}

interface TestServer {
  readonly url: string
}

interface Service {
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

describe('the processes of the image', { skip: (await whyNoRedis()) ?? false }, () => {
  let folder: string
  let database: Awaited<ReturnType<typeof postgresForTests>>
  let redis: Awaited<ReturnType<typeof startRedis>>
  let addresses: Map<string, string>

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-image-'))
    chmodSync(folder, 0o755)
    database = await postgresForTests()
    redis = await startRedis()
    await layOutImage(root, join(folder, 'app'))
    linkModules(root, join(folder, 'app'))
    const secrets = join(folder, 'secrets')
    execFileSync('sh', [join(root, 'build/orchestration/make-secrets.sh'), secrets])
    for (const [name, content] of [
      ['database_url', database.url],
      ['redis_url', redis.url],
    ] as const) {
      rmSync(join(secrets, name))
      writeFileSync(join(secrets, name), content, { mode: 0o444 })
    }
    // As the mount in a container is: its user reads it and cannot list what is not its own.
    chmodSync(secrets, 0o755)
    mkdirSync(join(folder, 'data'))
    if (isRoot) chownSync(join(folder, 'data'), nobody, nobody)
    execFileSync('chmod', ['-R', 'a-w', join(folder, 'app')])
    addresses = new Map(
      await Promise.all(services.map(async ([name]) => [name, `127.0.0.1:${await freePort()}`] as const)),
    )
  })

  after(async () => {
    execFileSync('chmod', ['-R', 'u+w', join(folder, 'app')])
    rmSync(folder, { recursive: true, force: true })
    await redis.stop()
    await database[Symbol.asyncDispose]()
  })

  it('hold no tests, no sources and no tools to build with', () => {
    const files = readdirSync(join(folder, 'app', 'apps/cli'), { recursive: true, encoding: 'utf8' })
    assert.ok(files.includes('dist/main.js'))
    assert.ok(!files.some((path) => /\.test\.|^src/.test(path)))
  })

  it('start, say that they are well, and stop when they are told to, with no right to write anything', async () => {
    const started = services.map(([name, service]) => ({ name, ...start(service, addresses.get(name) ?? '') }))
    try {
      for (const { name, child, log } of started) {
        const [line] = await Promise.race([
          once(createInterface({ input: child.stdout! }), 'line'),
          once(child, 'exit'),
        ])
        assert.match(String(line), /Holdfast is ready/, `${name}: ${log()}`)
      }
      // The health check of the image, for all of them at once: each has its own address.
      const [, { environment }] = services[0]!
      const child = run(['health', '--server', [...addresses.values()].join(',')], environmentOf(environment))
      const said = text(child.stdout!)
      const [code] = await once(child, 'exit')
      assert.equal(code, 0)
      assert.equal((await said).trimEnd().split('\n').length, services.length)
    } finally {
      for (const { child } of started) child.kill('SIGTERM')
    }
    for (const { name, child, log } of started) {
      if (child.exitCode === null) await once(child, 'exit')
      assert.equal(child.exitCode, 0, `${name}: ${log()}`)
    }
    assert.deepEqual(readdirSync(join(folder, 'data')), [])
  })

  function start({ command = [], environment }: Service, address: string) {
    const child = run(command, {
      ...environmentOf(environment),
      HOLDFAST_LISTEN: address,
      HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
    })
    let errors = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
    return { child, log: () => errors.slice(-2000) }
  }

  /** The environment of the service and of the image, whose paths and names are of a container. */
  function environmentOf(environment: Readonly<Record<string, string>>): Record<string, string> {
    const named = (value: string): string =>
      value
        .replaceAll('/run/secrets', join(folder, 'secrets'))
        .replaceAll(/[a-z-]+:9095/g, (one) => addresses.get(one.split(':')[0] ?? '') ?? one)
    const given = Object.entries(environment).map(([name, value]) => [name, named(value)])
    return { ...Object.fromEntries(given), NODE_ENV: 'production', HOLDFAST_DATA: join(folder, 'data') } as Record<
      string,
      string
    >
  }

  function run(command: readonly string[], environment: Record<string, string>): ChildProcess {
    return spawn(process.execPath, [join(folder, 'app/apps/cli/bin/holdfast.js'), ...command], {
      cwd: join(folder, 'data'),
      // What the tests are found by, and nothing else of this process.
      env: { ...environment, PATH: process.env['PATH'], HOLDFAST_TEST_RUN: process.env['HOLDFAST_TEST_RUN'] },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot && othersMayRead(root) ? { uid: nobody, gid: nobody } : {}),
    })
  }
})

/** A repository below a folder of root's own cannot be read by the user that has no rights; then they are not taken away. */
function othersMayRead(path: string): boolean {
  try {
    execFileSync(process.execPath, ['-e', ''], { uid: nobody, gid: nobody, cwd: path })
    accessSync(path)
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
