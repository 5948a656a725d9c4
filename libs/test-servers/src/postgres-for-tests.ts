import { createDatabase, dropDatabase } from './databases.js'
import { startPostgres } from './postgres.js'

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** An empty database of a random name, dropped when disposed: on the server that `HOLDFAST_TEST_POSTGRES_URL` names (the
 *  test runner starts one for all test files), else on a server of its own, which then stops with it. */
export async function postgresForTests(): Promise<TestDatabase> {
  const shared = process.env['HOLDFAST_TEST_POSTGRES_URL']
  if (shared === undefined || shared === '') {
    const server = await startPostgres({ settings: { fsync: 'off' } })
    return { url: await server.createDatabase(), [Symbol.asyncDispose]: () => server.stop() }
  }
  const url = await createDatabase(shared)
  return { url, [Symbol.asyncDispose]: () => dropDatabase(shared, url) }
}
