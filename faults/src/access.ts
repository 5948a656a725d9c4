import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { asHoldfastError } from '@holdfast/errors'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { openDocumentStore } from '@holdfast/persistence'
import { AccessKeys, type CreatedKey } from '@holdfast/server'
import { HoldfastProcess, startPostgres } from '@holdfast/test-servers'
import type { CampaignOptions, CampaignReport } from './main.js'

const sizes = {
  quick: { renewals: 1, revocations: 5 },
  usual: { renewals: 6, revocations: 50 },
  long: { renewals: 60, revocations: 1_000 },
} as const
const certificates = fileURLToPath(new URL('../../libs/server/test-certificates/', import.meta.url))
/** What is promised of a revoked key. */
const promisedMs = 1_000

/** Two servers with TLS and keys over one PostgreSQL. Their certificate is renewed under load, on connections that stand and on ones that are made all the time: no call
 *  may fail. Then keys are revoked while both servers are called with them: a second later neither may take them. */
export async function run({ report, length, writers }: CampaignOptions): Promise<CampaignReport> {
  const { renewals, revocations } = sizes[length]
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-access-'))
  try {
    const ca = await readFile(join(certificates, 'ca.pem'))
    await install(folder, 1)
    await using postgres = await startPostgres()
    const database = await postgres.createDatabase()
    const environment = {
      HOLDFAST_AUTH: 'keys',
      HOLDFAST_TLS_CERTIFICATE: join(folder, 'server.pem'),
      HOLDFAST_TLS_KEY: join(folder, 'server.key'),
    }
    const start = (): Promise<HoldfastProcess> => HoldfastProcess.start(['--database', database], environment)
    await using first = await start()
    await using second = await start()
    const addresses = [first.address, second.address]
    await using store = await openDocumentStore(database, { maxConnections: 2 })
    const keys = new AccessKeys(store)
    const { token } = await keys.create({ tenant: 'default', role: 'writer' })
    const clientsOf = (address: string | readonly string[], own: string): Clients =>
      createClients({ address, token: own, tls: { ca } })

    const load = new Load(() => clientsOf(addresses, token), report)
    const working = load.run(writers)
    const renewedMs: number[] = []
    for (let n = 0; n < renewals; n += 1) {
      const name = n % 2 === 0 ? 2 : 1
      await delay(1_000)
      await install(folder, name)
      const before = performance.now()
      for (const address of addresses) {
        while ((await nameAt(address, ca)) !== `server-${name}`) await delay(50)
      }
      renewedMs.push(performance.now() - before)
      report(`renewal ${n + 1} of ${renewals}: ${load.calls} calls, ${load.failed} failed`)
    }
    await delay(1_000)
    load.stop()
    await working

    const refusedMs: number[] = []
    let accepted = 0
    for (let n = 0; n < revocations; n += 1) {
      const created = await keys.create({ tenant: 'default', role: 'writer' })
      const uses = addresses.map((address) => new Use(clientsOf(address, created.token)))
      await Promise.all(uses.map((use) => use.begun))
      const revokedAt = await revoke(keys, created)
      for (const { refusedAt, lastAcceptedAt } of await Promise.all(uses.map((use) => use.ended))) {
        refusedMs.push(refusedAt - revokedAt)
        if (lastAcceptedAt - revokedAt > promisedMs) accepted += 1
      }
    }
    const figures = {
      renewals,
      renewed_ms_max: Math.round(Math.max(...renewedMs)),
      calls: load.calls,
      connections: load.connections,
      failed: load.failed,
      revocations,
      refused_ms_max: Math.round(Math.max(...refusedMs)),
      accepted_after_a_second: accepted,
    }
    return { figures, mustBeZero: ['failed', 'accepted_after_a_second'] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Puts a certificate and its key in the place of those that are there, each at once. */
async function install(folder: string, name: 1 | 2): Promise<void> {
  for (const part of ['key', 'pem']) {
    const place = join(folder, `server.${part}`)
    await copyFile(join(certificates, `server-${name}.${part}`), `${place}.new`)
    await rename(`${place}.new`, place)
  }
}

/** The subject of the certificate that a new connection is shown. */
async function nameAt(address: string, ca: Buffer): Promise<string> {
  const [host = '', port] = address.split(':')
  const socket = connect({ host, port: Number(port), servername: 'localhost', ca, ALPNProtocols: ['h2'] })
  try {
    await once(socket, 'secureConnect')
    return String(socket.getPeerCertificate().subject.CN)
  } finally {
    socket.destroy()
  }
}

async function revoke(keys: AccessKeys, { key }: CreatedKey): Promise<number> {
  await keys.revoke(key.id)
  return performance.now()
}

/** Writes and reads, some over a connection that stands, some over one that is made for a few calls. */
class Load {
  calls = 0
  failed = 0
  connections = 0
  readonly #connect: () => Clients
  readonly #report: (line: string) => void
  #isOver = false

  constructor(connect: () => Clients, report: (line: string) => void) {
    this.#connect = connect
    this.#report = report
  }

  async run(writers: number): Promise<void> {
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const callsEach = writer % 2 === 0 ? Number.POSITIVE_INFINITY : 5
        while (!this.#isOver) await this.#work(`access-${writer}`, callsEach)
      }),
    )
  }

  stop(): void {
    this.#isOver = true
  }

  async #work(conversationId: string, callsEach: number): Promise<void> {
    this.connections += 1
    await using clients = this.#connect()
    const { chat } = clients
    await this.#call(() => chat.createConversation({ conversationId, key: conversationId }))
    for (let n = 0; n < callsEach && !this.#isOver; n += 1) {
      const parts = [{ content: { $case: 'text' as const, value: `message ${n}` } }]
      await this.#call(() => chat.sendMessage({ conversationId, parts }))
      await this.#call(() => chat.getMessages({ conversationId, newestFirst: true, pageSize: 10 }))
    }
  }

  async #call(run: () => Promise<unknown>): Promise<void> {
    this.calls += 1
    try {
      await run()
    } catch (error) {
      const { code, reason, message } = asHoldfastError(error, 'A call')
      this.failed += 1
      this.#report(`failed: ${code} ${reason}: ${message}`)
    }
  }
}

/** Calls one server with one key, again and again, until it is refused. */
class Use {
  /** Resolves when a call was answered. */
  readonly begun: Promise<void>
  readonly ended: Promise<{ readonly refusedAt: number; readonly lastAcceptedAt: number }>

  constructor(clients: Clients) {
    let answered = (): void => {}
    this.begun = new Promise((resolve) => (answered = resolve))
    this.ended = this.#call(clients, () => answered())
  }

  /** When the last call that was taken was begun, and when one was refused. */
  async #call(clients: Clients, answered: () => void): Promise<{ refusedAt: number; lastAcceptedAt: number }> {
    await using _ = clients
    for (let lastAcceptedAt = 0; ; await delay(5)) {
      const begunAt = performance.now()
      try {
        await clients.chat.listConversations({ pageSize: 1 })
      } catch (error) {
        if (asHoldfastError(error, 'A call').reason !== 'CREDENTIAL_REVOKED') throw error
        return { refusedAt: performance.now(), lastAcceptedAt }
      }
      lastAcceptedAt = begunAt
      answered()
    }
  }
}
