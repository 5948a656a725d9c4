export { type TestDatabase, postgresForTests } from './postgres-for-tests.js'
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.js'
export { HoldfastProcess } from './holdfast-process.js'
export { type PacedModel, startPacedModel } from './paced-model.js'
