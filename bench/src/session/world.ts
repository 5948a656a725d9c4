import type { PostgresServer, RedisServer } from '@holdfast/test-servers'
import type { Report } from '../persistence/report.js'

/** What the parts of the benchmark run on: one PostgreSQL with default durability and one Redis, for both sides. */
export interface World {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  /** Of each side to PostgreSQL. */
  readonly connections: number
  readonly report: Report
  readonly long: boolean
}

/** The metadata of a session as the store that Holdfast replaces kept it, about 400 bytes. */
export function sessionMetadata(n: number): Record<string, unknown> {
  return {
    conversation_id: `9f1c2ab0-5d3e-4c1b-8a77-${String(n).padStart(12, '0')}`,
    created_at: 1_733_000_000.125 + n,
    status: 'active',
    team_id: `team-${n % 97}`,
    namespace_id: 'default',
    title: `A question about trains and how they run, number ${n}`,
    description: 'What was asked, and what the assistant was told to keep in mind while it answers',
    settings: { model: 'llama3.2', temperature: 0.7, max_tokens: 2048, include_context: true, enable_tools: false },
  }
}

export function keyOf(n: number): string {
  return `session:9f1c2ab0-5d3e-4c1b-8a77-${String(n).padStart(12, '0')}:metadata`
}

export function anyOf(count: number): number {
  return Math.floor(Math.random() * count)
}
