import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokenRules, keyWithoutTenant } from './rules.test.support.js'

/** Where a statement is known to break a rule, and what happens there instead. The guide docs/guides/distributed.md says the same. */
const exceptions: readonly { readonly rule: string; readonly operations: readonly string[] }[] = []

/** Looks at every statement that the conformance suite has sent: run it after that. */
export function describePortability(statements: ReadonlyMap<string, string>): void {
  describe('every statement that was sent', () => {
    it('is taken by CockroachDB, YugabyteDB and Citus, or is a known exception', () => {
      assert.ok(statements.size > 100, `only ${statements.size} statements were recorded`)
      const known = new Set(exceptions.flatMap(({ rule, operations }) => operations.map((one) => `${rule}: ${one}`)))
      const broken = new Map<string, string>()
      for (const [text, operation] of statements) {
        for (const { name } of brokenRules(text)) {
          if (!known.has(`${name}: ${operation}`)) broken.set(`${name}: ${operation}`, text.slice(0, 300))
        }
      }
      assert.deepEqual(Object.fromEntries(broken), {})
    })

    it('has the tenant in every unique key of a table with tenants', () => {
      assert.deepEqual(
        [...statements.keys()].filter((text) => keyWithoutTenant(text)),
        [],
      )
    })
  })
}
