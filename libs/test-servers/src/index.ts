export { type TestDatabase, postgresForTests } from './postgres-for-tests.js'
export { debianVersions } from './postgres-binaries.js'
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.js'
export {
  type RedisCluster,
  type RedisOptions,
  type RedisServer,
  startRedis,
  startRedisCluster,
  whyNoRedis,
} from './redis.js'
export { type Recording, recordings, whyNoFfmpeg, whyNoRecordings } from './audio.js'
export { wordErrors } from './word-errors.js'
export { HoldfastProcess } from './holdfast-process.js'
export { type PacedModel, startPacedModel } from './paced-model.js'
export { type Relay, startRelay } from './relay.js'
export { type Proxy, startProxy } from './proxy.js'
export { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.js'
export { examplesOf, runExample, runExampleHere } from './readme-examples.js'
