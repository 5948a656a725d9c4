import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import {
  AccessKeys,
  AuditLog,
  CallAudit,
  type GrpcServer,
  KeyRing,
  authenticatorOf,
  createAccessService,
  createLogger,
  startGrpcServer,
} from '@holdfast/server'
import { type CliResult, runHere } from '../cli-here.js'

/** The service of keys by itself: what else a server has starts too slowly for a test of three commands. */
describe('holdfast keys, at a running server', () => {
  let folder: string
  let store: DocumentStore
  let audit: AuditLog
  let calls: CallAudit
  let server: GrpcServer
  let tokens = 0

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
    store = await openDocumentStore('memory:')
    const keys = new AccessKeys(store)
    audit = new AuditLog(store)
    calls = new CallAudit(audit)
    server = await startGrpcServer({
      services: [createAccessService(keys)],
      listen: '127.0.0.1:0',
      auth: authenticatorOf([new KeyRing(keys)]),
      logger: createLogger({ level: 'silent' }),
      audit: calls,
    })
  })

  after(async () => {
    await server.stop()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function fileOf(token: string): Promise<string> {
    const file = join(folder, `token-${(tokens += 1)}`)
    await writeFile(file, token)
    return file
  }

  const keys = (tokenFile: string, ...args: string[]): Promise<CliResult> =>
    runHere(['keys', ...args, '--server', server.address, '--token-file', tokenFile])

  it('are made, listed, used and revoked, those of another tenant are not there, and all of it is audited', async () => {
    const made = new AccessKeys(store)
    const admin = await fileOf((await made.create({ tenant: 'acme', role: 'admin', name: 'first' })).token)
    const other = await made.create({ tenant: 'other', role: 'admin', name: 'theirs' })
    const created = await keys(admin, 'create', '--role', 'reader', '--name', 'for the test', '--json')
    assert.equal(created.code, 0, created.stderr)
    const { key, token } = JSON.parse(created.stdout) as { key: { id: string; tenant: string }; token: string }
    assert.equal(key.tenant, 'acme')

    const listed = await keys(admin, 'list')
    assert.match(listed.stdout, new RegExp(`^${key.id} +acme +reader +all +valid +for the test$`, 'm'))
    assert.doesNotMatch(listed.stdout, /theirs/)
    assert.doesNotMatch(listed.stdout, new RegExp(token))

    // A reader may not, and learns nothing.
    const reader = await fileOf(token)
    const refused = await keys(reader, 'list')
    assert.match(refused.stderr, /needs the role admin, and this credential has reader/)
    // Another tenant's key is as one that never was.
    const [theirs, none] = await Promise.all([
      keys(admin, 'revoke', other.key.id),
      keys(admin, 'revoke', '0'.repeat(16)),
    ])
    assert.equal(theirs.stderr.replaceAll(other.key.id, 'ID'), none.stderr.replaceAll('0'.repeat(16), 'ID'))
    assert.notEqual(theirs.code, 0)

    assert.equal((await keys(admin, 'revoke', key.id)).stdout, `${key.id} is revoked\n`)
    const until = performance.now() + 2000
    let after = await keys(reader, 'list')
    while (!after.stderr.includes('was revoked') && performance.now() < until) after = await keys(reader, 'list')
    assert.match(after.stderr, /The credential was revoked/)
    assert.match((await keys(admin, 'list')).stdout, new RegExp(`^${key.id} .* revoked \\S+Z +for the test$`, 'm'))

    await calls.flush()
    const actions = []
    for await (const { data } of audit.entries()) actions.push(`${data.action.split('/').at(-1)} ${data.outcome}`)
    for (const action of ['CreateKey OK', 'RevokeKey OK', 'RevokeKey NOT_FOUND', 'ListKeys PERMISSION_DENIED']) {
      assert.ok(actions.includes(action), `${action} is not among ${actions.join(', ')}`)
    }
  })
})
