export { type TestDatabase, postgresForTests } from './postgres-for-tests.js'
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.js'
