export { type DagService, type DagServiceOptions, createDagService } from './dag-service.js'
export { DagTenants, type DagTenantsOptions, type TenantDag } from './tenants/dag-tenants.js'
export { LocalEngine, type LocalEngineOptions, openLocalEngine } from './engine/local-engine.js'
export type {
  ExecutionEngine,
  ListRuns,
  NodeState,
  Run,
  RunEventAt,
  RunState,
  StartRun,
} from './engine/execution-engine.js'
export { type CompiledGraph, type CompiledNode, compileGraph } from './graph/compile.js'
export type { Graph, GraphNode, Json, JsonObject, NodeType } from './graph/graph.js'
export { contentHash } from './graph/graph-version.js'
export { readGraphText } from './graph/parse-graph.js'
export { type NodeTypeDescription, type PortType, nodeTypeDescriptions } from './graph/node-types.js'
export type { GraphProblem } from './graph/problems.js'
export { Graphs, graphProblems, type StoredGraph } from './graphs.js'
export type { NodeCall, NodeExecutor, NodeExecutors } from './executors/node-executor.js'
export { type HttpOptions, httpExecutor } from './executors/http.js'
export { serviceExecutors } from './executors/services.js'
export { type CustomServices, customServices } from './executors/custom.js'
export type { NodeError, Outputs, RunEvent, RunPhase } from './run/events.js'
export { Interpreter } from './run/interpreter.js'
export { type MissedPolicy, type NewSchedule, type Schedule, Schedules } from './schedules/schedules.js'
