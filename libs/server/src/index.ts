export { type ConfigLine, type ConfigSources, type LoadedConfig, type Origin, loadConfig } from './config.js'
export { type Setting, settings } from './config-schema.js'
export {
  type Config,
  type ModelPrice,
  type ServedService,
  type ServiceModelConfig,
  servedServices,
} from './config-type.js'
export { type Logger, type LoggerOptions, createLogger } from './logs.js'
export { type GrpcServer, type GrpcServerOptions, type StopReport, startGrpcServer } from './grpc-server.js'
export { type GrpcService, type Implementation, defineService } from './service.js'
export type { CallContext } from './call-context.js'
export { linkedSignal } from './linked-signal.js'
export { type Auth, authFromConfig, tlsFromConfig } from './auth/from-config.js'
export { AccessKeys, type AccessKey, type CreatedKey, type NewAccessKey } from './auth/access-keys.js'
export { type Authenticator, type CredentialKind, type Identity, authenticatorOf } from './auth/authenticator.js'
export { type JwtOptions, jsonWebTokens } from './auth/json-web-tokens.js'
export { KeyRing, type KeyRingOptions } from './auth/key-ring.js'
export { type MethodRoles, methodRoles, roleFor } from './auth/method-roles.js'
export { OwnTokens } from './auth/own-tokens.js'
export { type Lease, TenantPool, type TenantPoolOptions } from './auth/tenant-pool.js'
export { serviceByTenant } from './auth/tenant-service.js'
export { createAccessService } from './auth/access-service.js'
export { TlsFiles, type TlsFilesOptions } from './auth/tls-files.js'
export { type Caller, type Role, localCaller } from './caller.js'
export { type CallLimiter, type CallLimits, limitCalls } from './limits/call-limiter.js'
export type { CallRate } from './limits/call-rate.js'
export {
  type CallRecorder,
  type Metrics,
  type MetricsServer,
  type MetricsServerOptions,
  createMetrics,
  serveMetrics,
} from './metrics.js'
export type { ModelHealth, ServerHealth } from './health.js'
export type { LoadFigures, LoadOptions } from './overload/load-gate.js'
export { parseJsonObject, parseJsonText } from './json-field.js'
export { type ListenAddress, formatAddress, parseListenAddress } from './address.js'
export { maskUrl } from './masking.js'
export type { AuditEvent, AuditRecord } from './audit/audit-entry.js'
export { AuditLog, type AuditLogOptions } from './audit/audit-log.js'
export { CallAudit } from './audit/call-audit.js'
export {
  type AuditAnchor,
  type AuditProblem,
  type AuditVerdict,
  formatAnchor,
  parseAnchor,
  verifyAudit,
} from './audit/verify-audit.js'
export { type Traces, type TracesOptions, startTraces } from './traces/start-traces.js'
