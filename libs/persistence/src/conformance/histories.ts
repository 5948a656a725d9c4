import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import * as fc from 'fast-check'
import type { Scope } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import { documentHistory, logHistory, type Step } from './random-histories.js'
import { freshTenantId, type Suite } from './suite.js'

export function testHistories(suite: Suite): void {
  const cases = Math.ceil(suite.cases / 3)
  const kinds: Readonly<Record<string, fc.Arbitrary<Step[]>>> = {
    'documents with a unique index': documentHistory,
    'logs with keys and trims': logHistory(['append', 'keyed', 'trim', 'remove', 'amend', 'create', 'look']),
    'logs with keys and branches': logHistory(['append', 'keyed', 'fork', 'remove', 'amend', 'look']),
    'logs with branches and trims': logHistory(['append', 'fork', 'trim', 'remove', 'amend', 'look']),
  }

  describe('any history of calls is answered as in memory:', () => {
    for (const [name, history] of Object.entries(kinds)) {
      it(`${name} (${cases} cases, seed ${suite.seed})`, async () => {
        await using memory = await openDocumentStore('memory:')
        await fc.assert(
          fc.asyncProperty(history, async (steps) => {
            const [tested, reference] = [suite.tenant(), memory.tenant(freshTenantId())]
            for (const step of steps) {
              const expected = await outcomeOf(reference, step)
              assert.deepEqual(await outcomeOf(tested, step), expected, `after ${JSON.stringify(step)}`)
            }
          }),
          { numRuns: cases, seed: suite.seed },
        )
      })
    }
  })
}

/** What a step answers, or the code it fails with; without times, which differ. */
async function outcomeOf(scope: Scope, step: Step): Promise<unknown> {
  try {
    const answer = (await call(scope, step)) ?? null
    const times = new Set(['at', 'createdAt', 'updatedAt'])
    return JSON.parse(JSON.stringify(answer, (key, value: unknown) => (times.has(key) ? undefined : value)))
  } catch (error) {
    if (error instanceof HoldfastError) return `${error.code} ${error.reason}`
    throw error
  }
}

async function call(scope: Scope, step: Step): Promise<unknown> {
  const docs = scope.collection<unknown>('conformance-users', {
    indexes: [
      { on: 'email', unique: true },
      { on: ['team', 'at.place'], unique: true },
    ],
  })
  const log = scope.log<unknown>('conformance-log')
  switch (step.call) {
    case 'put':
      return docs.put(step.id, step.data, step.options)
    case 'insert':
      return docs.insertOne(step.data, { id: step.id })
    case 'update':
      return docs.updateOne(step.target, step.update, step.options)
    case 'updateMany':
      return docs.updateMany(step.filter, step.update)
    case 'delete':
      return docs.deleteOne(step.target, step.options)
    case 'deleteMany':
      return docs.deleteMany(step.filter)
    case 'find':
      return docs.find(step.filter, { sort: { email: -1 } }).toArray()
    case 'append':
      return log.append(step.stream, step.entries, step.options)
    case 'fork':
      return log.fork(step.from, step.at, step.to)
    case 'trim':
      return log.trim(step.stream, step.to)
    case 'remove':
      return log.remove(step.stream)
    case 'create':
      return log.create(step.stream)
    case 'amend':
      return log.amend(step.stream, step.seq, step.data)
    case 'look':
      return [await log.head(step.stream), await log.read(step.stream, step.options)]
    default:
      throw new Error(`No such call: ${JSON.stringify(step)}`)
  }
}
