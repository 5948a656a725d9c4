import { describe } from 'node:test'
import { controlCases } from './control.js'
import { keepingCases } from './keeping.js'
import { runCases } from './runs.js'
import type { OpenStage } from './stage.js'

export type { OpenStage, Stage } from './stage.js'

/** What every ExecutionEngine must do. Run it from a test file: `executionEngineConformance('local on PostgreSQL', open)`. */
export function executionEngineConformance(name: string, open: OpenStage): void {
  describe(`execution engine: ${name}`, () => {
    runCases(open)
    controlCases(open)
    keepingCases(open)
  })
}
