import { models } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

type Service = typeof models.ModelServiceService

/** holdfast.models.v1.ModelService. Of several addresses one answers, about its own models. */
export type ModelClient = UnaryCalls<Service>

const rules: UnaryRules<Service> = {
  listModels: { request: models.ListModelsRequest, repeatable: true },
}

export function createModelClient(connection: Connection): ModelClient {
  return unaryCalls(connection, models.ModelServiceService, rules)
}
